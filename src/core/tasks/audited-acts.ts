// What operators do to tasks: each act in one transaction with its row in the audit log.
import { audited } from '../audit/audited.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { type CancelledTask, type CancelOptions, cancelTask } from '../db/tasks/cancel-task.ts';
import type { OperatedTask } from '../db/tasks/lock-task.ts';
import { type ReassignedTask, type ReassignOptions, reassignTask } from '../db/tasks/reassign-task.ts';
import { type RetriedTask, type RetryOptions, retryTask } from '../db/tasks/retry-task.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';

interface At {
  session: Session;
  names: TableNames;
}

/** Options of the act, with who does it. */
type By<Options> = Omit<Options, 'by' | 'onLocked'> & { by: Actor };

export function cancelAudited(at: At, id: number, { by, ...rest }: By<CancelOptions>): Promise<CancelledTask> {
  return act(at, 'cancel', by, (more) => cancelTask(at.session, at.names, id, { ...rest, ...more }));
}

export function retryAudited(at: At, id: number, { by, ...rest }: By<RetryOptions>): Promise<RetriedTask> {
  return act(at, 'retry', by, (more) => retryTask(at.session, at.names, id, { ...rest, ...more }));
}

export function reassignAudited(at: At, id: number, { by, ...rest }: By<ReassignOptions>): Promise<ReassignedTask> {
  return act(at, 'reassign', by, (more) => reassignTask(at.session, at.names, id, { ...rest, ...more }));
}

type Done = CancelledTask | RetriedTask | ReassignedTask;
type Kind = 'cancel' | 'retry' | 'reassign';

function act<T extends Done>(
  at: At,
  kind: Kind,
  by: Actor,
  work: (more: { by: string; onLocked(task: OperatedTask): void }) => Promise<T>,
): Promise<T> {
  let seen: OperatedTask | undefined;
  const onLocked = (task: OperatedTask) => {
    seen = task;
  };
  return audited(
    at,
    by,
    () => work({ by: saidBy(by), onLocked }),
    (done) => entryOf(kind, seen, done),
  );
}

/** Undefined = nothing was changed. */
function entryOf(kind: Kind, seen: OperatedTask | undefined, done: Done): AuditEntry | undefined {
  if ('already' in done && done.already) return undefined;
  const { status, attempt, target_device_id } = seen ?? {};
  const target = 'target_device_id' in done ? done.target_device_id : null;
  return {
    action: `tasks.${kind}`,
    object_type: 'task',
    object_id: String(done.task_id),
    before: { status, attempt, target_device_id },
    after: { status: done.status, attempt, target_device_id: target },
    outcome: 'revoking' in done && done.revoking ? 'asked' : 'done',
  };
}
