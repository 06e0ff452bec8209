import type { DeviceView, StuckTask } from '../../domain/placement/device-view.ts';
import { amountOf, rowProblems, textsOf } from '../device-values.ts';
import { fromJson, fromJsonObject, utcToIso } from '../rows.ts';
import type { Row } from '../session.ts';
import { stuckTasks } from './device-views.ts';

export interface DeviceRow
  extends Pick<DeviceView, 'over_limits' | 'recent_claims' | 'success_rate' | 'avg_duration_ms'> {
  device_id: string;
  device_name: string;
  device_type: 'master' | 'worker' | 'gateway';
  ip_address: string;
  port: number;
  /** As stored: what the device, or the leader about it, said last. */
  stored_status: 'online' | 'offline' | 'busy';
  operator_state: 'active' | 'paused' | 'draining' | 'quarantined';
  capabilities: Record<string, unknown>;
  max_concurrent_tasks: number;
  /** Open assignments, counted now. */
  current_tasks: number;
  /** Tasks whose attempt has ended and whose handler goes on: each holds a slot besides. */
  stuck: StuckTask[];
  last_heartbeat: string | null;
  /** Seconds by the database's clock; null = it never sent one. */
  heartbeat_age: number | null;
  region: string | null;
  labels: unknown;
  version: string | null;
  /** Gateway that it asked last; null = it has a session of its own. */
  via: string | null;
  is_leader: boolean;
  created_at: string | null;
  /** What in its row cannot be used, in words. Empty = nothing. */
  problems: string[];
}

/** A row of listDevices' statement, whatever is written in it. */
export function deviceOf(row: Row): DeviceRow {
  return {
    device_id: row.device_id,
    device_name: row.device_name,
    device_type: row.device_type,
    ip_address: row.ip_address,
    port: Number(row.port),
    // '' is what a server without a strict mode keeps of a word that it does not know.
    stored_status: row.status || 'offline',
    operator_state: row.operator_state,
    capabilities: fromJsonObject(row.capabilities),
    max_concurrent_tasks: amountOf(row.max_concurrent_tasks) ?? 0,
    current_tasks: Number(row.current_tasks),
    stuck: stuckTasks(row.stuck),
    last_heartbeat: utcToIso(row.last_heartbeat),
    heartbeat_age: row.heartbeat_age === null ? null : Number(row.heartbeat_age),
    over_limits: textsOf(row.over_limits),
    recent_claims: amountOf(row.recent_claims) ?? 0,
    success_rate: amountOf(row.success_rate, 1),
    avg_duration_ms: amountOf(row.avg_duration_ms),
    region: row.region,
    labels: fromJson(row.labels),
    version: row.version,
    via: row.gateway_id,
    is_leader: Number(row.is_leader) === 1,
    created_at: utcToIso(row.created_at),
    problems: rowProblems(row),
  };
}
