// What a gateway must know of the devices that it serves. Non-locking. Zero rows: there is no such device, or nothing has changed.
import type { Capabilities } from '../../domain/eligibility.ts';
import { capabilitiesOf } from '../device-values.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceState {
  device_id: string;
  instance_token: Buffer | null;
  operator_state: string;
  status: string;
  capabilities: Capabilities;
  /** The same as text: equal texts are one kind of device. */
  kind: string;
  slots: number;
  /** Null = a plain client, or no process of afd. */
  version: string | null;
  gateway_id: string | null;
  /** Seconds. */
  offline_for: number | null;
  /** Its session lock is held: it has no need of a gateway. */
  locked: boolean;
}

const COLUMNS = `device_id, instance_token, operator_state, status, capabilities, max_concurrent_tasks, version, gateway_id,
  offline_for, IS_USED_LOCK(COALESCE(lock_name, 'afd:none')) IS NOT NULL AS locked`;

/** By device_id. @throws DatabaseError */
export async function deviceStates(session: Session, names: TableNames, ids: string[]): Promise<DeviceState[]> {
  if (ids.length === 0) return [];
  const rows = await session.rows(`SELECT ${COLUMNS} FROM ${names.device} WHERE device_id IN (?)`, [ids]);
  return rows.map(stateOf);
}

/**
 * The devices of this gateway whose rows changed within the last `seconds`: reads the whole table, which has a row for each
 * device, once for all of them. @throws DatabaseError
 */
export function changedStatesStatement(names: TableNames, gatewayId: string, seconds: number) {
  return {
    sql: `SELECT ${COLUMNS} FROM ${names.device}
          WHERE gateway_id = ? AND updated_at >= UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND`,
    values: [gatewayId, Math.round(seconds * 1e6)],
  };
}

export function stateOf(row: Row): DeviceState {
  return {
    device_id: row.device_id,
    instance_token: row.instance_token,
    operator_state: row.operator_state,
    status: row.status || 'offline',
    capabilities: capabilitiesOf(row.capabilities),
    kind: row.capabilities ?? '',
    slots: Number(row.max_concurrent_tasks ?? 0),
    version: row.version,
    gateway_id: row.gateway_id,
    offline_for: row.offline_for === null ? null : Number(row.offline_for),
    locked: Number(row.locked) === 1,
  };
}
