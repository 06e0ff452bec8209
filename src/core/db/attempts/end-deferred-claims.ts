import { type DeviceLoss, LOST_BECAUSE } from '../../domain/attempt/lost.ts';
import { fitText } from '../../domain/text/fit-text.ts';
import { NO_INLINE_CLAIM } from '../claim/inline-claim.ts';
import type { TextWidths } from '../claim/text-widths.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { DeferredClaimRef } from './deferred-claims.ts';
import { insertFromInline } from './insert-from-inline.ts';
import { MATERIALIZED_FOR_WORKER, materializeLocked } from './materialize-attempts.ts';

/**
 * Ends the deferred claims of a device whose process is gone: each attempt gets a row as lost, its task is open again.
 * Nobody knows which of them had begun, so no death is counted: from its second attempt on a task gets its row at the
 * claim, and one that kills its workers is counted from then on. Inside a transaction; locks the tasks by PRIMARY in the
 * order of their ids, SKIP LOCKED. Returns how many. `cause` is asked under the locks; undefined = the device is back.
 * `widths` undefined: without texts, for rows that refuse them.
 */
export async function endDeferredClaims(
  session: Session,
  names: TableNames,
  refs: DeferredClaimRef[],
  cause: (
    device: { status: string; instance_token: Buffer | null } | undefined,
    instance: Buffer | null,
  ) => DeviceLoss | undefined,
  widths: TextWidths | undefined,
): Promise<number> {
  const locked = await lockDeferredClaims(session, names, refs);
  if (locked.length === 0) return 0;
  const deviceId = refs[0]!.device_id;
  const [device] = await session.rows<{ status: string; instance_token: Buffer | null }>(
    `SELECT status, instance_token FROM ${names.device} WHERE device_id = ?`,
    [deviceId],
  );
  const byCause = new Map<DeviceLoss, number[]>();
  for (const { id, claim_instance } of locked) {
    const why = cause(device, claim_instance);
    if (why !== undefined) byCause.set(why, [...(byCause.get(why) ?? []), id]);
  }
  let ended = 0;
  for (const [why, ids] of byCause) {
    const message = `device ${deviceId} ${LOST_BECAUSE[why]}`;
    const [text, last] =
      widths === undefined ? [] : [fitText(message, widths.error_message), fitText(message, widths.last_error)];
    const error_message = text ? { error_message: text } : {};
    await insertFromInline(session, names, ids, { status: 'lost', cause: why, ...error_message });
    await session.write(
      `UPDATE ${names.task} SET status = IF(target_device_id IS NULL, 'pending', 'assigned'), claim_token = NULL,
         ${NO_INLINE_CLAIM}, last_error = COALESCE(?, last_error), updated_at = NOW(3)
       WHERE id IN (?) AND claim_token IN (?)`,
      [last ?? null, ids, refs.map((one) => one.claim_token)],
    );
    ended += ids.length;
  }
  return ended;
}

/** Gives rows to deferred claims in their worker's place, so that what is done to open attempts reaches them. @throws DatabaseError */
export async function materializeForWorker(
  session: Session,
  names: TableNames,
  refs: DeferredClaimRef[],
): Promise<number> {
  const locked = await lockDeferredClaims(session, names, refs);
  if (locked.length === 0) return 0;
  const ids = locked.map((one) => one.id);
  return materializeLocked(session, names, ids, {
    cause: MATERIALIZED_FOR_WORKER,
    tokens: refs.map((one) => one.claim_token),
  });
}

/** Those that are still what they were, locked. Inside a transaction. @throws DatabaseError */
export async function lockDeferredClaims(session: Session, names: TableNames, refs: DeferredClaimRef[]) {
  return session.rows<{ id: number; claim_instance: Buffer | null }>(
    `SELECT id, claim_instance FROM ${names.task} FORCE INDEX (PRIMARY)
     WHERE id IN (?) AND status = 'running' AND claim_token IN (?) AND claimed_by = ? ORDER BY id FOR UPDATE SKIP LOCKED`,
    [refs.map((one) => one.task_id), refs.map((one) => one.claim_token), refs[0]!.device_id],
  );
}
