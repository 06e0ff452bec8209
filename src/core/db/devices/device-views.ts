import type { DeviceView, StuckTask } from '../../domain/placement/device-view.ts';
import { openCount } from '../attempts/open-count.ts';
import { amountOf, capabilitiesOf, textsOf } from '../device-values.ts';
import { fromJson } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * Every worker that is registered, as placing sees it: whether it takes work, and what it runs now, counted over
 * idx_device_id (covering: it reads as many entries as there are open attempts; deferred claims have none, and end at once). Non-locking. `heartbeatTimeoutS`: a
 * device that has been silent for longer is offline, whatever its row says; so is one that no process of afd ever was,
 * whose times are another program's. Zero rows = no device was ever registered.
 */
export function deviceViewsStatement(names: TableNames, heartbeatTimeoutS: number): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT d.device_id, d.region, d.capabilities, d.max_concurrent_tasks, d.status, d.operator_state, d.over_limits, d.stuck, d.recent_claims,
            d.success_rate, d.avg_duration_ms,
            d.instance_token IS NULL OR COALESCE(d.last_heartbeat < UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND, TRUE) AS silent,
            ${openCount(names)} AS running
          FROM ${names.device} d WHERE d.device_type = 'worker' ORDER BY d.id`,
    values: [Math.round(heartbeatTimeoutS * 1e6)],
  };
}

/** @throws DatabaseError */
export async function deviceViews(
  session: Session,
  names: TableNames,
  heartbeatTimeoutS: number,
): Promise<DeviceView[]> {
  const { sql, values } = deviceViewsStatement(names, heartbeatTimeoutS);
  return (await session.rows(sql, values)).map(deviceView);
}

/** A row of deviceViewsStatement, whatever is written in it. */
export function deviceView(row: Row): DeviceView {
  const stuck = stuckTasks(row.stuck);
  return {
    device_id: row.device_id,
    region: row.region,
    capabilities: capabilitiesOf(row.capabilities),
    slots: amountOf(row.max_concurrent_tasks) ?? 0,
    running: Number(row.running) + stuck.length,
    stuck: stuck.length,
    ...(stuck.length > 0 && { stuck_types: byType(stuck) }),
    unavailable: unavailable(row),
    over_limits: textsOf(row.over_limits),
    success_rate: amountOf(row.success_rate, 1),
    avg_duration_ms: amountOf(row.avg_duration_ms),
    recent_claims: amountOf(row.recent_claims) ?? 0,
  };
}

/** What the column `stuck` says. */
export function stuckTasks(column: string | null | undefined): StuckTask[] {
  const stuck = fromJson(column);
  return Array.isArray(stuck) ? (stuck as StuckTask[]) : [];
}

function byType(stuck: StuckTask[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const one of stuck) counts.set(one?.task_type, (counts.get(one?.task_type) ?? 0) + 1);
  return Object.fromEntries(counts);
}

function unavailable(row: Row): string | null {
  if (row.status === 'offline') return 'is offline';
  if (Number(row.silent) === 1) return 'is offline (silent)';
  return row.operator_state === 'active' ? null : `is ${row.operator_state}`;
}
