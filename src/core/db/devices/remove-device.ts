// Invariant: a device that lives or holds open attempts is removed only by force; what it held is orphaned by that, and
// the leader takes it back (cause device_removed). History stays. Locks the device row alone, by device_id: a claim that
// commits meanwhile leaves an orphan too. Zero rows under the lock: there is no such device.
import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { ALIVE } from './register-by-hand.ts';
import { countOpen, type OperatorState, refuseChangedState } from './set-operator-state.ts';

export interface Removal {
  device_id: string;
  removed: boolean;
  /** A process lives under this id, as far as the database knows. */
  alive: boolean;
  open_attempts: number;
  /** Its history refers to it by a foreign key, so the server keeps it. */
  referenced: boolean;
}

/** `expect`: the operator state that it must have. Undefined = there is no such device. @throws AfdError E_CONFLICT; DatabaseError */
export async function removeDevice(
  session: Session,
  names: TableNames,
  deviceId: string,
  {
    force,
    heartbeatTimeoutS,
    expect,
  }: { force: boolean; heartbeatTimeoutS: number; expect?: OperatorState | undefined },
): Promise<Removal | undefined> {
  return transaction(session, async () => {
    const [row] = await session.rows<{ device_id: string; alive: 0 | 1; operator_state: OperatorState }>(
      `SELECT device_id, operator_state, ${ALIVE} AS alive FROM ${names.device} WHERE device_id = ? FOR UPDATE`,
      [Math.round(heartbeatTimeoutS * 1e6), deviceId],
    );
    if (row === undefined) return undefined;
    refuseChangedState(row, expect);
    const open_attempts = await countOpen(session, names, row.device_id);
    const seen = { device_id: row.device_id, alive: row.alive === 1, open_attempts, referenced: false };
    if (!force && (seen.alive || open_attempts > 0)) return { ...seen, removed: false };
    try {
      await session.write(`DELETE FROM ${names.device} WHERE device_id = ?`, [deviceId]);
      return { ...seen, removed: true };
    } catch (error) {
      if (error instanceof DatabaseError && error.errno === 1451) return { ...seen, removed: false, referenced: true };
      throw error;
    }
  });
}
