// Heartbeats of several devices behind a gateway, in one round trip: they live, by the database's clock, and what they say of
// themselves. Index: device_id. Fewer rows than devices: the others belong to another instance, or are gone.
import { type Beat, type DeviceReadings, historyRow } from '../devices/heartbeat-device.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { type DeviceState, stateOf } from './device-states.ts';
import { type DeviceOpenAttempt, openOfDevice, openOfDevicesStatement } from './open-of-devices.ts';

export interface RemoteBeat extends Beat {
  readings: DeviceReadings;
}

export interface BeatView {
  states: DeviceState[];
  open: DeviceOpenAttempt[];
  /** As it was written. */
  lease_until: string;
  now: string;
}

/** Beats of one lease length, each device once, in the order of their ids. @throws DatabaseError */
export async function beatDevices(
  session: Session,
  names: TableNames,
  beats: RemoteBeat[],
  { gatewayId, leaseS }: { gatewayId: string; leaseS: number },
): Promise<BeatView> {
  const ids = beats.map((one) => one.device_id);
  const column = (value: (one: RemoteBeat) => unknown) => beats.flatMap((one) => [one.device_id, value(one)]);
  const by = `CASE device_id ${beats.map(() => 'WHEN ? THEN ?').join(' ')} END`;
  const list = (all: unknown[]) => (all.length === 0 ? null : JSON.stringify(all));
  const results = await session.batch([
    {
      sql: 'SET @afd_lease = CAST(UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND AS DATETIME(3))',
      values: [Math.round(leaseS * 1e6)],
    },
    {
      sql: `UPDATE ${names.device} SET status = ${by}, current_tasks = ${by}, recent_claims = ${by}, over_limits = ${by},
              stuck = ${by}, gateway_id = COALESCE(gateway_id, ?), lease_until = IF(lease_until > @afd_lease, lease_until, @afd_lease), last_heartbeat = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)
            WHERE device_id IN (?) AND instance_token IN (?)`,
      values: [
        ...column((one) => one.status),
        ...column((one) => one.active_tasks),
        ...column((one) => one.recent_claims),
        ...column((one) => list(one.over_limits)),
        ...column((one) => list(one.stuck)),
        ...[gatewayId, ids, beats.map((one) => one.instance_token)],
      ],
    },
    {
      sql: `SELECT device_id, instance_token, operator_state, status, capabilities, max_concurrent_tasks, version, gateway_id,
              offline_for, 0 AS locked FROM ${names.device} WHERE device_id IN (?)`,
      values: [ids],
    },
    openOfDevicesStatement(names, ids),
    {
      sql: `SELECT CAST(CAST(@afd_lease AS DATETIME(3)) AS CHAR) AS lease_until, UTC_TIMESTAMP(3) AS now`,
    },
  ]);
  const clock = (results[4] as Row[])[0]!;
  return {
    states: (results[2] as Row[]).map(stateOf),
    open: (results[3] as Row[]).map(openOfDevice),
    lease_until: String(clock.lease_until),
    now: String(clock.now),
  };
}

/** The rows of the history; best effort, after the heartbeats themselves. @throws DatabaseError */
export async function writeHistory(session: Session, names: TableNames, beats: RemoteBeat[]): Promise<void> {
  await session.write(
    `INSERT INTO ${names.heartbeat} (device_id, cpu_usage, memory_usage, disk_usage, active_tasks, system_info) VALUES ?`,
    [beats.map((one) => historyRow(one, one.readings))],
  );
}
