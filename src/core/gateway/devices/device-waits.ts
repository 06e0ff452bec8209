// Long polls: a device waits here for work, or for news of itself. Waiting is a sign of life when it begins; the lease outlasts it.
import type { WaitAnswer } from '../../../http/device-contract.ts';
import { openOfDevices } from '../../db/gateway/open-of-devices.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import type { GatewayDevice } from './gateway-device.ts';
import type { RemoteDevices } from './remote-devices.ts';
import type { Waiter } from './waiting.ts';
import { wireOpen } from './wire/wire.ts';

/** A wait ends well before the lease that its call extended. */
const WAIT_PART = 0.4;

export interface WaitFor extends Omit<Waiter, 'wake' | 'device'> {
  seconds: number;
  /** `cursor` of the last answer. */
  after: string | undefined;
}

/** Seconds that a call may wait. */
export function longestWaitS({ context }: RemoteDevices, seconds: number): number {
  return Math.min(seconds, context.config.master.heartbeat_timeout * WAIT_PART);
}

/**
 * Until something has changed since `after`, there is work, or the time is over. `closed`: aborted when the connection is.
 * @throws DatabaseError
 */
export async function waitForNews(
  devices: RemoteDevices,
  device: GatewayDevice,
  { seconds, after, ...how }: WaitFor,
  closed: AbortSignal,
): Promise<WaitAnswer> {
  devices.keeper.touch(device);
  device.running = Math.max(0, device.slots - how.free);
  const until = monotonic() + longestWaitS(devices, seconds) * 1000;
  const work = () => how.free > 0 && devices.reads.hasWork({ device, without: how.without });
  while (after === cursorOf(devices, device) && !work() && monotonic() < until) {
    if (!(await waitOnce(devices, device, how, until, closed))) break;
  }
  const cursor = cursorOf(devices, device);
  const ours = devices.registry.known(device.id) === device;
  const changed = after !== cursor;
  const { operator_state, status } = device;
  return {
    cursor,
    work: work(),
    device: ours ? { operator_state, status } : null,
    ...(changed && ours ? { open: await openOf(devices, device) } : {}),
    ...(changed ? { settings: devices.settings.rows.map(({ name, value }) => ({ name, value })) } : {}),
  };
}

/** Until it is woken, or `until` (monotonic ms). False = nobody waits for the answer any more, or the gateway ends. */
export async function waitOnce(
  devices: RemoteDevices,
  device: GatewayDevice,
  how: Omit<Waiter, 'wake' | 'device'>,
  until: number,
  closed: AbortSignal,
): Promise<boolean> {
  const { waiting, keeper, over } = devices;
  if (over.aborted || closed.aborted) return false;
  let end!: () => void;
  const woken = new Promise<void>((resolve) => {
    end = resolve;
  });
  const waiter: Waiter = { ...how, device, wake: end };
  closed.addEventListener('abort', end, { once: true });
  device.waits += 1;
  waiting.add(waiter);
  // A pause after claims that brought nothing ends without any news.
  const pause = device.pause.leftMs;
  await sleep(Math.min(until - monotonic(), pause > 0 ? pause : Number.POSITIVE_INFINITY), undefined, woken);
  waiting.remove(waiter);
  device.waits -= 1;
  closed.removeEventListener('abort', end);
  if (closed.aborted) keeper.closed(device);
  return !closed.aborted && !over.aborted;
}

function cursorOf({ gatewayId, settings }: RemoteDevices, { version }: GatewayDevice): string {
  return `${gatewayId}:${settings.version}:${version}`;
}

async function openOf(devices: RemoteDevices, device: GatewayDevice) {
  return devices.requests.use(async (context) => {
    const open = await openOfDevices(await context.session(), context.names, [device.id]);
    device.revoked = open
      .filter((one) => one.revoked)
      .map((one) => one.assignment_id)
      .join(' ');
    return wireOpen(open);
  });
}
