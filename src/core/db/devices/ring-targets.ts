// Devices that may be rung: online, active, with a port, that of their gateway where they are behind one, which finds the
// device that is waiting. What each runs is counted over idx_device_id (covering).
// Non-locking; reads the whole table, which has one row per device. Zero rows = none can be rung, and all devices poll.
import type { DeviceView } from '../../domain/placement/device-view.ts';
import { openCount } from '../attempts/open-count.ts';
import { ringProblem } from '../device-values.ts';
import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { deviceView } from './device-views.ts';

export interface RingTarget extends DeviceView {
  address: string;
  port: number;
  token: Buffer;
  /** Its figures are as old as this. */
  last_heartbeat: string | null;
}

export function ringTargetsStatement(names: TableNames): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT d.device_id, ${rung('ip_address')}, ${rung('port')}, ${rung('ring_token')}, d.capabilities, d.max_concurrent_tasks, d.region, d.status,
            d.operator_state, d.over_limits, d.stuck, d.recent_claims, d.success_rate, d.avg_duration_ms, d.last_heartbeat, 0 AS silent,
            ${openCount(names)} AS running
          FROM ${names.device} d
            LEFT JOIN ${names.device} g ON g.device_id = d.gateway_id AND g.status IN ('online', 'busy')
          WHERE d.device_type = 'worker' AND d.status IN ('online', 'busy') AND d.operator_state = 'active'
            AND IF(d.gateway_id IS NULL, d.port, g.port) > 0
            AND IF(d.gateway_id IS NULL, d.ring_token, g.ring_token) IS NOT NULL`,
    values: [],
  };
}

/** A column of the node whose port it is. */
function rung(column: 'ip_address' | 'port' | 'ring_token'): string {
  return `IF(d.gateway_id IS NULL, d.${column}, g.${column}) AS ${column}`;
}

/** Rows of ringTargetsStatement; one whose address, port or token is none cannot be rung, and is left out. */
export function ringTargets(rows: Row[]): RingTarget[] {
  return rows
    .filter((row) => ringProblem(row) === undefined)
    .map((row) => {
      const { ip_address: address, port, ring_token: token, last_heartbeat } = row;
      return { ...deviceView(row), address, port: Number(port), token, last_heartbeat };
    });
}
