// The device row is written by the process that holds the device's session lock, so there is one writer per device.
// operator_state is never touched here: what an operator said outlives every restart.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceRegistration {
  device_id: string;
  device_name: string;
  device_type: 'master' | 'worker' | 'gateway';
  ip_address: string;
  /** Where it is rung, and with what; 0 and null = nowhere. */
  port: number;
  ring_token: Buffer | null;
  capabilities: Record<string, unknown>;
  max_concurrent_tasks: number;
  region: string | null;
  labels: Record<string, string> | null;
  instance_token: Buffer;
  lock_name: string;
  heartbeat_interval_ms: number;
  version: string;
  process: { host_name: string; pid: number | null };
}

/** Makes this instance the owner of the device id, online from now on by the database's clock. */
export async function registerDevice(session: Session, names: TableNames, device: DeviceRegistration): Promise<void> {
  const columns: Record<string, unknown> = {
    device_name: device.device_name,
    device_type: device.device_type,
    ip_address: device.ip_address,
    port: device.port,
    ring_token: device.ring_token,
    capabilities: JSON.stringify(device.capabilities),
    max_concurrent_tasks: device.max_concurrent_tasks,
    current_tasks: 0,
    recent_claims: 0,
    over_limits: null,
    stuck: null,
    region: device.region,
    labels: device.labels === null ? null : JSON.stringify(device.labels),
    instance_token: device.instance_token,
    lock_name: device.lock_name,
    lock_server: session.facts.serverName,
    ...{ gateway_id: null, lease_until: null, offline_for: null },
    heartbeat_interval: Math.round(device.heartbeat_interval_ms),
    version: device.version,
    ...device.process,
    status: 'online',
  };
  const set = Object.keys(columns)
    .map((name) => `${name} = ?`)
    .join(', ');
  const now = 'last_heartbeat = UTC_TIMESTAMP(3), lock_taken_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)';
  const values = Object.values(columns);
  const updated = await session.write(`UPDATE ${names.device} SET ${set}, ${now} WHERE device_id = ?`, [
    ...values,
    device.device_id,
  ]);
  if (updated.affectedRows === 1) return;
  await session.write(`INSERT INTO ${names.device} SET device_id = ?, ${set}, ${now}`, [device.device_id, ...values]);
}

/**
 * Writes that the session lock was taken again (new connection, perhaps new server) and that the device lives. False =
 * another instance owns the device id, or the row is gone.
 */
export async function retakeDevice(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
  status: string,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.device} SET status = ?, last_heartbeat = UTC_TIMESTAMP(3), lock_taken_at = UTC_TIMESTAMP(3),
       lock_server = ?, updated_at = UTC_TIMESTAMP(3) WHERE device_id = ? AND instance_token = ?`,
    [status, session.facts.serverName, deviceId, instanceToken],
  );
  return affectedRows === 1;
}
