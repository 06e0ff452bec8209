import { infeasibleReasons } from '../eligibility.ts';
import type { DeviceView } from './device-view.ts';
import type { Lane } from './lane.ts';

/** How many of the devices could run the lane's tasks. One over its gates counts: it will be below them again. */
export function ableDevices(lane: Lane, devices: DeviceView[]): number {
  return devices.filter(
    (one) => one.unavailable === null && one.slots > 0 && infeasibleReasons(one.capabilities, lane).length === 0,
  ).length;
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
