// Invariant: an operator's word changes operator_state and nothing else: life (status, heartbeat) is the device's own.
// Each claim reads it in its own transaction, so it holds from the next claim on. Index: device_id. Zero rows: no device.

import { AfdError } from '../../domain/errors.ts';
import { countDeferredClaims } from '../attempts/deferred-claims.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';

export type OperatorState = 'active' | 'paused' | 'draining' | 'quarantined';

export interface OperatedDevice {
  device_id: string;
  operator_state: OperatorState;
  /** What it was before; the same when nothing changed. */
  previous: OperatorState;
}

/** `expect`: what it must be before. Undefined = there is no such device. @throws AfdError E_CONFLICT; DatabaseError */
export async function setOperatorState(
  session: Session,
  names: TableNames,
  deviceId: string,
  state: OperatorState,
  expect?: OperatorState,
): Promise<OperatedDevice | undefined> {
  return transaction(session, async () => {
    const [row] = await session.rows<{ device_id: string; operator_state: OperatorState }>(
      `SELECT device_id, operator_state FROM ${names.device} WHERE device_id = ? FOR UPDATE`,
      [deviceId],
    );
    if (row === undefined) return undefined;
    refuseChangedState(row, expect);
    if (row.operator_state !== state) {
      await session.write(
        `UPDATE ${names.device} SET operator_state = ?, updated_at = UTC_TIMESTAMP(3) WHERE device_id = ?`,
        [state, deviceId],
      );
    }
    return { device_id: row.device_id, operator_state: state, previous: row.operator_state };
  });
}

/** For a locked row. @throws AfdError E_CONFLICT */
export function refuseChangedState(
  { device_id, operator_state }: { device_id: string; operator_state: OperatorState },
  expect: OperatorState | undefined,
): void {
  if (expect === undefined || expect === operator_state) return;
  throw new AfdError('E_CONFLICT', `Device ${device_id} has changed: it is ${operator_state}, not ${expect}.`, {
    suggestions: [`afd devices show ${device_id}`],
    data: { device_id, operator_state },
  });
}

/** Attempts that a device holds, with or without a row, counted now; zero also for a device that does not exist. */
export async function countOpen(session: Session, names: TableNames, deviceId: string): Promise<number> {
  const [row] = await session.rows<{ n: number }>(
    `SELECT COUNT(*) AS n FROM ${names.assignment} FORCE INDEX (idx_device_id)
     WHERE device_id = ? AND status IN ('assigned', 'running')`,
    [deviceId],
  );
  return Number(row?.n ?? 0) + (await countDeferredClaims(session, names, deviceId));
}
