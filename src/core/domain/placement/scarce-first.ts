import { infeasibleReasons } from '../eligibility.ts';
import type { DeviceView } from './device-view.ts';
import type { Lane } from './lane.ts';

/** How many of the devices could run the lane's tasks. One over its resource limits counts: it will be below them again. */
export function ableDevices(lane: Lane, devices: DeviceView[]): number {
  return devices.filter((one) => takesWork(one) && infeasibleReasons(one.capabilities, lane).length === 0).length;
}

/** `ableDevices` for many lanes of one fleet: devices with the same capabilities are checked once. */
export function ableCounter(devices: DeviceView[]): (lane: Lane) => number {
  const kinds = new Map<string, { one: DeviceView; count: number }>();
  for (const one of devices.filter(takesWork)) {
    const kind = JSON.stringify(one.capabilities);
    kinds.set(kind, { one, count: (kinds.get(kind)?.count ?? 0) + 1 });
  }
  return (lane) => [...kinds.values()].reduce((sum, { one, count }) => sum + count * ableDevices(lane, [one]), 0);
}

function takesWork({ unavailable, slots }: DeviceView): boolean {
  return unavailable === null && slots > 0;
}

/**
 * Order of lanes for a device with a free slot: the better rank, then what fewer devices can run, since those that can
 * run anything have other work for later. 0 = neither goes before the other; null = not known, comes last.
 */
export function scarceFirst(
  a: { claim_rank: number; able: number | null },
  b: { claim_rank: number; able: number | null },
): number {
  if (a.claim_rank !== b.claim_rank) return a.claim_rank - b.claim_rank;
  const [first, second] = [a.able ?? Number.MAX_SAFE_INTEGER, b.able ?? Number.MAX_SAFE_INTEGER];
  return first - second;
}
