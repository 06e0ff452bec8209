// A page of devices, and one device with its history, as the HTTP API shows them.
import type { Context } from '../context/context.ts';
import { devicePage } from '../db/fleet/device-page.ts';
import { type HeartbeatReading, heartbeatHistory } from '../db/fleet/heartbeat-history.ts';
import { databaseNowMs } from '../db/rows.ts';
import { CursorOf } from '../paging/cursor.ts';
import { type Device, type DeviceDetail, deviceDetail, handles, judged } from './devices.ts';

export type { HeartbeatReading };

/** Absent = any. */
export interface DeviceSearch {
  /** As shown: a silent device is offline. */
  status?: Device['status'] | undefined;
  operator_state?: Device['operator_state'] | undefined;
  device_type?: Device['device_type'] | undefined;
  /** Handles tasks of this type. */
  task_type?: string | undefined;
  region?: string | undefined;
  /** How its id begins. */
  device_id?: string | undefined;
}

export interface DevicePage {
  devices: Device[];
  /** Null = the list ends here. */
  cursor: string | null;
  /** Set when the page is not full because its read was bounded: the id that the search has come to. */
  searched_to: string | null;
  now: string;
}

/** Devices that one statement reads, and one page, whether they fit or not. */
const STRETCH = 500;
const MOST_READ = 5000;

/** In the order of their ids. @throws AfdError E_USAGE for a cursor that is none of this search; DatabaseError */
export async function searchDevices(
  context: Context,
  search: DeviceSearch,
  { cursor: given, limit }: { cursor?: string | undefined; limit: number },
): Promise<DevicePage> {
  const cursor = new CursorOf('devices', search, (value): value is string => typeof value === 'string');
  const session = await context.session();
  const { device_id: start = '', ...rest } = search;
  let after = cursor.decode(given) ?? '';
  const found: Device[] = [];
  for (let read = 0; ; ) {
    const stretch = Math.max(
      limit + 1,
      read === 0 && Object.values(rest).every((one) => one === undefined) ? 0 : STRETCH,
    );
    const { now, devices } = await devicePage(session, context.names, { after, start, limit: stretch });
    const fitting = devices.map((row) => judged(row, context.config.master.heartbeat_timeout));
    found.push(...fitting.filter((one) => fits(one, rest)));
    read += devices.length;
    const last = devices.at(-1)?.device_id;
    if (found.length > limit) {
      const page = found.slice(0, limit);
      return { devices: page, cursor: cursor.encode(page.at(-1)!.device_id), searched_to: null, now };
    }
    if (last === undefined || devices.length < stretch) return { devices: found, cursor: null, searched_to: null, now };
    if (read >= MOST_READ) return { devices: found, cursor: cursor.encode(last), searched_to: last, now };
    after = last;
  }
}

function fits(device: Device, { status, operator_state, device_type, task_type, region }: DeviceSearch): boolean {
  return (
    (status === undefined || device.status === status) &&
    (operator_state === undefined || device.operator_state === operator_state) &&
    (device_type === undefined || device.device_type === device_type) &&
    (region === undefined || device.region === region) &&
    (task_type === undefined || handles(device, task_type))
  );
}

export interface ShownDevice extends DeviceDetail {
  /** Its newest heartbeats, oldest first. */
  history: HeartbeatReading[];
  now: string;
}

/** `history`: heartbeats at most. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function showDeviceWithHistory(context: Context, id: string, history: number): Promise<ShownDevice> {
  const device = await deviceDetail(context, id);
  const session = await context.session();
  const readings = await heartbeatHistory(session, context.names, device.device_id, history);
  return { ...device, history: readings, now: new Date(await databaseNowMs(session)).toISOString() };
}
