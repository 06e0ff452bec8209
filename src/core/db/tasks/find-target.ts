// Reads one device without a lock, by its unique key (equal without regard to case). Zero rows: never registered.
import { AfdError } from '../../domain/errors.ts';
import type { TargetDevice } from '../../domain/task/target-device.ts';
import { capabilitiesOf, textsOf } from '../device-values.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A device that a task may be directed at. @throws AfdError E_NOT_FOUND; E_CONFLICT for one that executes nothing */
export async function findTarget(session: Session, names: TableNames, deviceId: string): Promise<TargetDevice> {
  const [row] = await session.rows<Row>(
    `SELECT device_id, device_type, status, operator_state, capabilities, over_limits FROM ${names.device} WHERE device_id = ?`,
    [deviceId],
  );
  if (row === undefined) {
    throw new AfdError('E_NOT_FOUND', `There is no device "${deviceId}".`, { suggestions: ['afd devices ls'] });
  }
  if (row.device_type !== 'worker') {
    throw new AfdError('E_CONFLICT', `Device ${row.device_id} is a ${row.device_type}, which executes no tasks.`, {
      suggestions: ['afd devices ls'],
      data: { device_id: row.device_id, device_type: row.device_type },
    });
  }
  const { device_id, device_type, status, operator_state } = row;
  const [capabilities, over_limits] = [capabilitiesOf(row.capabilities), textsOf(row.over_limits)];
  return { device_id, device_type, status, operator_state, capabilities, over_limits };
}
