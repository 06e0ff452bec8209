// Between what travels as JSON and what core works with.
import type {
  ExchangeBody,
  TypeRoom,
  WireFinish,
  WireOpenAttempt,
  WireReconciled,
  WireTask,
} from '../../../../http/device-contract.ts';
import type { ClaimedTask } from '../../../db/claim/claimed-task.ts';
import type { DeviceOpenAttempt } from '../../../db/gateway/open-of-devices.ts';
import { attemptKey } from '../../../domain/attempt/attempt-key.ts';
import type { Outcome } from '../../../domain/attempt/outcome.ts';
import type { Finish, Reconciled } from '../../../domain/attempt/reconcile.ts';
import { AfdError } from '../../../domain/errors.ts';
import type { WireClaim } from './wire-rooms.ts';

export function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

/** @throws AfdError E_USAGE when one attempt ends twice: its second end would count for another's */
export function finishesOf(list: WireFinish[]): Finish[] {
  const seen = new Set<string>();
  return list.map((one) => {
    const { checkpoint, lane, outcome, ...plain } = one;
    const finish: Finish = {
      ...plain,
      claim_token: bytes(one.claim_token),
      outcome: outcome as Outcome,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    };
    const key = attemptKey(finish);
    if (seen.has(key)) throw new AfdError('E_USAGE', `Task ${one.task_id} has two ends in one call.`);
    seen.add(key);
    finish.key = key;
    return finish;
  });
}

export function claimOf(claim: NonNullable<ExchangeBody['claim']>): WireClaim {
  const types = new Map<string, TypeRoom>(Object.entries(claim.types));
  return { claim_token: bytes(claim.claim_token), limit: claim.limit, free: claim.free, types };
}

/** In the order of `finishes`: the transaction takes them in another. */
export function reconciledOf(finishes: Finish[], reconciled: Reconciled[]): WireReconciled[] {
  const of = new Map(reconciled.map((one) => [one.kind === 'accepted' ? one.end.finish : one.finish, one]));
  return finishes.map((finish) => wireReconciled(of.get(finish)!));
}

function wireReconciled(one: Reconciled): WireReconciled {
  if (one.kind === 'committed') return { kind: 'committed', task_status: one.task_status };
  if (one.kind === 'lost') return { kind: 'lost', reason: one.reason };
  const { task_status, assignment_status, due_in_s } = one.end;
  return { kind: 'accepted', task_status, assignment_status, ...(due_in_s === undefined ? {} : { due_in_s }) };
}

/** A claimed task is plain data: only what a later field of it might be stays here. */
export function wireTask(task: ClaimedTask): WireTask {
  return task as WireTask;
}

export function wireOpen(open: DeviceOpenAttempt[]): WireOpenAttempt[] {
  return open.map(({ task_id, assignment_id, claim_token, revoked, revoked_by }) => ({
    task_id,
    assignment_id,
    claim_token: claim_token.toString('hex'),
    revoked,
    revoked_by,
  }));
}
