// What goes over the wire, as the parts of a worker know it: tokens are Buffers there, and ends have all fields.
import type { WireFinish, WireOpenAttempt, WireReconciled, WireTask } from '../../http/device-contract.ts';
import type { OpenAssignment } from '../db/attempts/open-assignments.ts';
import type { ClaimedTask } from '../db/claim/claimed-task.ts';
import type { AttemptEnd, Finish, Reconciled } from '../domain/attempt/reconcile.ts';
import { laneKey } from '../domain/lane.ts';

/** A device whose process has registered. */
export interface Registered {
  deviceId: string;
  instanceToken: Buffer;
}

export function wireFinish(finish: Finish): WireFinish {
  const { task_id, task_type, attempt, assignment_id, claim_token, outcome, age_ms, checkpoint, lane } = finish;
  return {
    ...{ task_id, task_type, attempt, assignment_id, claim_token: claim_token.toString('hex') },
    // Checked where it was made; tasks to enqueue are checked where they are inserted.
    outcome: outcome as WireFinish['outcome'],
    age_ms: age_ms === null ? null : Math.max(0, age_ms),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(lane === undefined ? {} : { lane: withoutKey(lane) }),
  };
}

function withoutKey({ claim_rank, task_type, required_capabilities }: NonNullable<Finish['lane']>) {
  return { claim_rank, task_type, required_capabilities };
}

/** An end as it was spelled, of this process or of an earlier one. */
export function finishOfWire({ claim_token, outcome, checkpoint, lane, ...rest }: WireFinish): Finish {
  return {
    ...rest,
    claim_token: Buffer.from(claim_token, 'hex'),
    outcome: outcome as unknown as Finish['outcome'],
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(lane === undefined ? {} : { lane: { ...lane, lane: laneKey(lane.task_type, lane.required_capabilities) } }),
  };
}

export function taskOfWire(task: WireTask): ClaimedTask {
  // A number beyond 2^53 comes as text, as it comes from the driver.
  return task as ClaimedTask;
}

export function openOfWire({ claim_token, ...rest }: WireOpenAttempt): OpenAssignment {
  return { ...rest, revoke_outcome: null, claim_token: Buffer.from(claim_token, 'hex') };
}

/** What a gateway says of this end; the columns that only the database needs stay empty. */
export function reconciledOfWire(finish: Finish, wire: WireReconciled): Reconciled {
  if (wire.kind === 'lost') return { kind: 'lost', finish, reason: wire.reason ?? 'the gateway refused it' };
  const task_status = wire.task_status ?? 'done';
  if (wire.kind === 'committed') return { kind: 'committed', finish, task_status };
  const end: AttemptEnd = {
    finish,
    record: { assignment_id: finish.assignment_id ?? 0 },
    assignment_status: (wire.assignment_status ?? 'completed') as AttemptEnd['assignment_status'],
    task_status: task_status as AttemptEnd['task_status'],
    ...{ retry: 0, error_message: null, error_class: null, cause: null, result: null },
    ...(wire.due_in_s === undefined ? {} : { due_in_s: wire.due_in_s }),
  };
  return { kind: 'accepted', end };
}
