// Which devices to give tasks to. Plans only: every device may claim what it is eligible for at any time.
import type { DeviceView } from './device-view.ts';
import { eligible } from './eligible.ts';
import type { Lane } from './lane.ts';
import type { PlacementPolicy } from './policy.ts';
import { type Fleet, fleetOf, score } from './score.ts';

/** Scores that differ by less are equal. */
const SAME = 1e-9;

interface Candidate {
  device: DeviceView;
  total: number;
}

/**
 * How many of `n` tasks of a lane to give to which device: one after another to the best with a free slot, counting
 * what was given. When all look full from the start, one task goes to the least loaded; what finds no slot is in no
 * count, and waits for a claim. Empty = no device is eligible. `salt` breaks ties: placers that use different ones do
 * not all choose the same of several equal devices.
 */
export function placeTasks(
  lane: Lane,
  n: number,
  devices: DeviceView[],
  policy: PlacementPolicy,
  salt: number | string = '',
): Map<string, number> {
  const able = devices.filter((one) => eligible(one, lane).ok);
  const fleet = fleetOf(able);
  const candidates = able.map((device) => candidateOf({ ...device }, lane, fleet, policy));
  const plan = new Map<string, number>();
  for (let turn = 0; turn < n; turn += 1) {
    const pool = good(candidates, policy);
    const free = pool.filter(({ device }) => device.running < device.slots);
    if (free.length === 0) {
      const least = best(pool, `${salt}/${turn}`, ({ device }) => -device.running / device.slots);
      if (turn === 0 && least !== undefined) plan.set(least.device.device_id, 1);
      break;
    }
    const chosen = best(free, `${salt}/${turn}`, ({ total }) => total)!;
    const { device } = chosen;
    plan.set(device.device_id, (plan.get(device.device_id) ?? 0) + 1);
    device.running += 1;
    device.served += 1;
    chosen.total = score(device, lane, fleet, policy).total;
  }
  return plan;
}

/** The devices that may run the lane, in the order in which to offer them one task: free ones by score, then full ones by load. */
export function rankDevices(
  lane: Lane,
  devices: DeviceView[],
  policy: PlacementPolicy,
  salt: number | string = '',
): DeviceView[] {
  const able = devices.filter((one) => eligible(one, lane).ok);
  const fleet = fleetOf(able);
  const order = (one: Candidate) =>
    one.device.running < one.device.slots ? one.total : -one.device.running / one.device.slots;
  const full = (one: Candidate) => Number(one.device.running >= one.device.slots);
  const candidates = able.map((device) => candidateOf(device, lane, fleet, policy));
  return good(candidates, policy)
    .sort((a, b) => {
      const more = order(b) - order(a);
      return full(a) - full(b) || (Math.abs(more) > SAME ? more : lot(a, `${salt}/0`) - lot(b, `${salt}/0`));
    })
    .map(({ device }) => device);
}

/** Those that do not score below the minimum; all when every one does: then nobody leaves the task to another. */
function good(candidates: Candidate[], { min_score }: PlacementPolicy): Candidate[] {
  if (min_score <= 0) return candidates;
  const above = candidates.filter(({ total }) => total >= min_score);
  return above.length === 0 ? candidates : above;
}

function candidateOf(device: DeviceView, lane: Lane, fleet: Fleet, policy: PlacementPolicy): Candidate {
  return { device, total: score(device, lane, fleet, policy).total };
}

function best(candidates: Candidate[], salt: string, value: (candidate: Candidate) => number): Candidate | undefined {
  let found: Candidate | undefined;
  for (const one of candidates) {
    const more = found === undefined ? 1 : value(one) - value(found);
    if (more > SAME || (more >= -SAME && lot(one, salt) < lot(found!, salt))) found = one;
  }
  return found;
}

/** The lot that a device draws: the same for the same salt, unrelated to its name (FNV-1a, then mixed). */
function lot({ device }: Candidate, salt: string): number {
  let hash = 0x811c9dc5;
  for (const letter of `${salt}|${device.device_id}`) {
    hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
