import type { DeviceView } from './device-view.ts';
import { eligible } from './eligible.ts';
import type { Lane } from './lane.ts';
import type { PlacementPolicy } from './policy.ts';
import { fleetOf, score } from './score.ts';

/**
 * The devices to which one that scores below `min_score` defers in a lane: those that may run it and do not score
 * below. A full one counts too: an operator who sets a minimum would rather wait. Empty = there is no such device, and
 * then no device defers.
 */
export function aboveMinimum(lane: Lane, devices: DeviceView[], policy: PlacementPolicy): DeviceView[] {
  const able = devices.filter((one) => eligible(one, lane).ok);
  const fleet = fleetOf(able);
  return able.filter((one) => score(one, lane, fleet, policy).total >= policy.min_score);
}
