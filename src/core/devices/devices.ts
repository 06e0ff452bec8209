import type { Context } from '../context/context.ts';
import type { DeviceRow } from '../db/devices/device-row.ts';
import { listDevices as queryDevices } from '../db/devices/list-devices.ts';
import { type DeviceAssignment, type DeviceReadings, showDevice as queryDevice } from '../db/devices/show-device.ts';
import { AfdError } from '../domain/errors.ts';
import { resolveDeviceId } from './find-device.ts';

/** A device as shown, its first keys those of the design document (5.2.1). */
export interface Device extends Omit<DeviceRow, 'stored_status'> {
  /** `offline` also when the device says otherwise but has been silent for longer than master.heartbeat_timeout. */
  status: 'online' | 'offline' | 'busy';
  /** It is `offline` by silence alone: the leader has not declared it dead yet, and it did not sign off. */
  silent: boolean;
}

export interface DeviceDetail extends Device {
  last_readings: DeviceReadings | null;
  assignments: DeviceAssignment[];
}

/** Which devices to list; absent = all. */
export interface DeviceFilter {
  /** As shown: a silent device is `offline`. */
  status?: Device['status'] | undefined;
  operator_state?: string | undefined;
  /** Handles tasks of this type. */
  task_type?: string | undefined;
  limit?: number | undefined;
}

/** The devices that fit, judged by the database's clock. @throws DatabaseError */
export async function listDevices(context: Context, filter: DeviceFilter = {}): Promise<Device[]> {
  const session = await context.session();
  const rows = await queryDevices(session, context.names);
  return rows
    .map((row) => judged(row, context.config.master.heartbeat_timeout))
    .filter(
      (one) =>
        (filter.status === undefined || one.status === filter.status) &&
        (filter.operator_state === undefined || one.operator_state === filter.operator_state) &&
        (filter.task_type === undefined || handles(one, filter.task_type)),
    )
    .slice(0, filter.limit);
}

export function handles({ capabilities }: Device, taskType: string): boolean {
  const { supported_tasks: types } = capabilities;
  return Array.isArray(types) && types.includes(taskType);
}

/** One device with its last readings and what it holds. @throws AfdError E_NOT_FOUND, E_USAGE, DatabaseError */
export async function showDevice(context: Context, deviceId: string): Promise<DeviceDetail> {
  const session = await context.session();
  const id = await resolveDeviceId(session, context.names, deviceId, 'afd devices show');
  return deviceDetail(context, id);
}

/** The same by its whole id. @throws AfdError E_NOT_FOUND, DatabaseError */
export async function deviceDetail(context: Context, id: string): Promise<DeviceDetail> {
  const session = await context.session();
  const [row] = await queryDevices(session, context.names, id);
  if (row === undefined)
    throw new AfdError('E_NOT_FOUND', `There is no device "${id}".`, {
      suggestions: ['afd devices ls'],
      data: { device_id: id },
    });
  const { readings, assignments } = await queryDevice(session, context.names, row.device_id);
  return { ...judged(row, context.config.master.heartbeat_timeout), last_readings: readings ?? null, assignments };
}

/** The tasks whose handlers hold its stuck slots: "task 12 (hang), task 15 (hang)". */
export function stuckList({ stuck }: Pick<Device, 'stuck'>): string {
  const named = stuck.slice(0, 5).map(({ task_id, task_type }) => `task ${task_id} (${task_type})`);
  return `${named.join(', ')}${stuck.length > 5 ? ` and ${stuck.length - 5} more` : ''}`;
}

/** What a device said about itself holds only as long as it goes on saying so. */
export function judged(row: DeviceRow, heartbeatTimeoutS: number): Device {
  const { stored_status, ...rest } = row;
  const fresh = row.heartbeat_age !== null && row.heartbeat_age <= heartbeatTimeoutS;
  const silent = stored_status !== 'offline' && !fresh;
  const status = silent ? 'offline' : stored_status;
  const { device_id, device_name, device_type, ...others } = rest;
  // An absent machine is not over its resource limits, and no handler of it holds a slot.
  const held = status === 'offline' ? [] : row.over_limits;
  const stuck = status === 'offline' ? [] : row.stuck;
  return { device_id, device_name, device_type, status, silent, ...others, over_limits: held, stuck };
}
