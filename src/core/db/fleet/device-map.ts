// All devices in a few columns, and how many attempts each has open, without a lock: the device table whole in the order of its ids,
// and one pass over the open entries of idx_status. With the database's time. Zero rows = no devices.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface MappedDevice {
  device_id: string;
  device_type: 'master' | 'worker' | 'gateway';
  /** As stored; `silent`: nothing was heard of it for longer than the heartbeat timeout. */
  status: 'online' | 'offline' | 'busy' | '' | null;
  silent: 0 | 1;
  operator_state: 'active' | 'paused' | 'draining' | 'quarantined';
  region: string | null;
  slots: number | null;
  running: number;
  over_limits: 0 | 1;
  stuck: 0 | 1;
}

/** Devices of one answer. */
export const MOST_MAPPED = 20_000;

/** @throws DatabaseError */
export async function deviceMap(
  session: Session,
  names: TableNames,
  heartbeatTimeoutS: number,
): Promise<{ now: string; devices: MappedDevice[] }> {
  const { sql, values } = deviceMapStatement(names, heartbeatTimeoutS);
  const [now, rows] = await session.batch([{ sql: 'SELECT UTC_TIMESTAMP(3) AS now' }, { sql, values }]);
  const devices = [...rows!].map((row) => ({ ...row, running: Number(row.running) }) as MappedDevice);
  return { now: utcToIso(now![0]!.now)!, devices };
}

export function deviceMapStatement(names: TableNames, heartbeatTimeoutS: number) {
  const filled = (column: string) => `COALESCE(JSON_LENGTH(IF(JSON_VALID(${column}), ${column}, NULL)), 0) > 0`;
  return {
    sql: `SELECT d.device_id, d.device_type, d.status, d.operator_state, d.region, d.max_concurrent_tasks AS slots,
            COALESCE(d.last_heartbeat < UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND, TRUE) AS silent,
            COALESCE(a.open_count, 0) AS running, ${filled('d.over_limits')} AS over_limits, ${filled('d.stuck')} AS stuck
          FROM ${names.device} d FORCE INDEX (device_id)
          LEFT JOIN (SELECT device_id, COUNT(*) AS open_count FROM ${names.assignment} FORCE INDEX (idx_status)
                     WHERE status IN ('assigned', 'running') GROUP BY device_id) a ON a.device_id = d.device_id
          ORDER BY d.device_id LIMIT ${MOST_MAPPED}`,
    values: [Math.round(heartbeatTimeoutS * 1e6)],
  };
}
