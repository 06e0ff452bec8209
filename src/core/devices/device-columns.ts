// All devices by columns: what a page draws of each, as small numbers.
import type { Context } from '../context/context.ts';
import { deviceMap, type MappedDevice, MOST_MAPPED } from '../db/fleet/device-map.ts';

const STATUSES = ['online', 'busy', 'offline'];
const STATES = ['active', 'paused', 'draining', 'quarantined'];
const TYPES = ['worker', 'master', 'gateway'];

export interface DeviceColumns {
  statuses: string[];
  operator_states: string[];
  device_types: string[];
  regions: Array<string | null>;
  /** Entry n of each is of the same device. */
  columns: {
    device_id: string[];
    device_type: number[];
    status: number[];
    operator_state: number[];
    region: number[];
    slots: number[];
    running: number[];
    /** 1 = over a limit, 2 = stuck slots. */
    flags: number[];
  };
  complete: boolean;
  now: string;
}

/** @throws DatabaseError */
export async function columnsOf(context: Context): Promise<DeviceColumns> {
  const session = await context.session();
  const { now, devices } = await deviceMap(session, context.names, context.config.master.heartbeat_timeout);
  const regions = [...new Set(devices.map((one) => one.region))];
  const places = new Map(regions.map((region, n) => [region, n]));
  const column = (read: (device: MappedDevice) => number) => devices.map(read);
  return {
    statuses: STATUSES,
    operator_states: STATES,
    device_types: TYPES,
    regions,
    columns: {
      device_id: devices.map((one) => one.device_id),
      device_type: column((one) => TYPES.indexOf(one.device_type)),
      status: column(({ status, silent }) => STATUSES.indexOf(silent === 1 ? 'offline' : status || 'offline')),
      operator_state: column((one) => STATES.indexOf(one.operator_state)),
      region: column((one) => places.get(one.region)!),
      slots: column((one) => one.slots ?? 0),
      running: column((one) => one.running),
      flags: column((one) => Number(one.over_limits) + 2 * Number(one.stuck)),
    },
    complete: devices.length < MOST_MAPPED,
    now,
  };
}
