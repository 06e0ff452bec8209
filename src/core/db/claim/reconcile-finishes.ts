// Batch 1 of the claim transaction, the attempts that have ended: their locks, and the outcome of each end.
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import {
  type AttemptEnd,
  type Finish,
  inlineClaim,
  type LockedAssignment,
  type LockedTask,
  type Reconciled,
  reconcile,
} from '../../domain/attempt/reconcile.ts';
import type { Result, Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { AttemptOwner, Ending } from './ended-attempts.ts';
import {
  clearInlineClaim,
  findAttempts,
  insertEndedAttempts,
  lockFinishedAttempts,
  lockFinishedTasks,
  READ_NOW,
  type Statement,
} from './statements.ts';

export interface ReconciledFinishes {
  /** The database's UTC, as it was read with the locks; '' when nothing was finished. */
  now: string;
  reconciled: Reconciled[];
  accepted: AttemptEnd[];
  /** Rows for attempts whose lease is lost and that no other process will materialize. */
  lostRows: Statement[];
  /** Ids of the tasks of those. */
  lostTaskIds: Set<number>;
}

type Policy = Parameters<typeof reconcile>[3];

/** The locking reads of batch 1, behind the time of the end: tasks by id, then the rows of those attempts that have one, by id. */
export function finishLocks(names: TableNames, finishes: Finish[]): Statement[] {
  if (finishes.length === 0) return [];
  const known = finishes.flatMap((one) => one.assignment_id ?? []);
  const tasks = finishes.map((one) => one.task_id);
  return [
    READ_NOW,
    lockFinishedTasks(names, tasks),
    ...(known.length === 0 ? [] : [lockFinishedAttempts(names, known)]),
  ];
}

/**
 * Decides the outcome of every attempt by its locked rows. If a task no longer bears its deferred claim, another
 * process (or an earlier COMMIT of this worker) has materialized the attempt: its row is read, two round trips more.
 * @throws DatabaseError
 */
export async function reconcileFinishes(
  session: Session,
  names: TableNames,
  { policy, ...owner }: AttemptOwner & { policy: Policy },
  finishes: Finish[],
  locked: Result[],
): Promise<ReconciledFinishes> {
  const now = String(locked[0]?.[0]?.now ?? '');
  const tasks = new Map((locked[1] as unknown as LockedTask[] | undefined)?.map((row) => [row.id, row]));
  const rows = (locked[2] ?? []) as unknown as LockedAssignment[];
  const assignments = new Map(rows.map((row) => [row.id, row]));
  // By its id only if that is the row of this task: an end must never be booked on another's attempt.
  const rowOf = ({ assignment_id, task_id }: Finish) => {
    const row = assignment_id === null ? undefined : assignments.get(assignment_id);
    return row?.task_id === task_id ? row : undefined;
  };
  const unfound = finishes.filter(
    (one) => rowOf(one) === undefined && inlineClaim(one, tasks.get(one.task_id)) === undefined,
  );
  const found = unfound.length === 0 ? [] : await materializedMeanwhile(session, names, unfound);
  const byClaim = new Map(found.map((row) => [attemptKey(row), row]));
  const reconciled = finishes.map((one) =>
    reconcile(
      one,
      tasks.get(one.task_id),
      rowOf(one) ?? (found.length === 0 ? undefined : byClaim.get(attemptKey(one))),
      policy,
    ),
  );
  return {
    now,
    reconciled,
    accepted: reconciled.flatMap((one) => (one.kind === 'accepted' ? [one.end] : [])),
    lostTaskIds: new Set(
      reconciled.flatMap((one) => (one.kind === 'lost' && one.inline !== undefined ? [one.finish.task_id] : [])),
    ),
    lostRows: reconciled.flatMap((one) =>
      one.kind === 'lost' && one.inline !== undefined ? lost(names, { ...owner, now }, one) : [],
    ),
  };
}

async function materializedMeanwhile(
  session: Session,
  names: TableNames,
  finishes: Finish[],
): Promise<LockedAssignment[]> {
  const find = findAttempts(
    names,
    finishes.map((one) => one.task_id),
    finishes.map((one) => one.claim_token),
  );
  const found = await session.rows<{ id: number }>(find.sql, find.values);
  if (found.length === 0) return [];
  const { sql, values } = lockFinishedAttempts(
    names,
    found.map((row) => row.id),
  );
  return (await session.rows<Row>(sql, values)) as unknown as LockedAssignment[];
}

function lost(
  names: TableNames,
  ending: Ending,
  { finish, inline, reason }: Reconciled & { kind: 'lost' },
): Statement[] {
  if (inline === undefined) return [];
  const end = {
    assignment_status: 'lost' as const,
    result: null,
    error_message: reason,
    error_class: null,
    cause: 'foreign',
  };
  return [
    clearInlineClaim(names, finish.task_id, finish.claim_token),
    insertEndedAttempts(names, ending, [{ ...end, finish, record: inline }]),
  ];
}
