// Which devices to give tasks to. Plans only: every device may claim what it is eligible for at any time.

import { maxOfType } from '../type-max.ts';
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
  /** Most tasks of the lane's type that it runs at once. */
  max: number;
  /** What seeds its tie-breaker. */
  seed: number;
}

/**
 * How many of `n` tasks of a lane to give to which device: one after another to the best with a free slot, counting
 * what was given. When all are full from the start, one task goes to the least loaded; what finds no slot is in no
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
  const candidates = able.map((device) => candidateOf({ ...device }, lane, fleet, policy, salt));
  const plan = new Map<string, number>();
  // How many of the type a device runs already is not known here.
  const takesMore = (one: Candidate) => isFree(one) && (plan.get(one.device.device_id) ?? 0) < one.max;
  for (let turn = 0; turn < n; turn += 1) {
    const pool = good(candidates, policy);
    const chosen = best(pool, turn, takesMore, ({ total }) => total);
    if (chosen === undefined) {
      const least = best(
        pool,
        turn,
        () => true,
        ({ device }) => -device.running / device.slots,
      );
      if (turn === 0 && least !== undefined) plan.set(least.device.device_id, 1);
      break;
    }
    const { device } = chosen;
    plan.set(device.device_id, (plan.get(device.device_id) ?? 0) + 1);
    device.running += 1;
    device.recent_claims += 1;
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
  const order = (one: Candidate) => (isFree(one) ? one.total : -one.device.running / one.device.slots);
  const candidates = able.map((device) => candidateOf(device, lane, fleet, policy, salt));
  return good(candidates, policy)
    .sort((a, b) => {
      const more = order(b) - order(a);
      return (
        Number(isFree(b)) - Number(isFree(a)) || (Math.abs(more) > SAME ? more : tieBreaker(a, 0) - tieBreaker(b, 0))
      );
    })
    .map(({ device }) => device);
}

/** Those that do not score below the minimum; all when every one does: then no device defers. */
function good(candidates: Candidate[], { min_score }: PlacementPolicy): Candidate[] {
  if (min_score <= 0) return candidates;
  const above = candidates.filter(({ total }) => total >= min_score);
  return above.length === 0 ? candidates : above;
}

function isFree({ device }: Candidate): boolean {
  return device.running < device.slots;
}

function candidateOf(
  device: DeviceView,
  lane: Lane,
  fleet: Fleet,
  policy: PlacementPolicy,
  salt: number | string,
): Candidate {
  const seed = hash(`${salt}|${device.device_id}`);
  const max = maxOfType(device.capabilities, lane.task_type) ?? device.slots;
  return { device, total: score(device, lane, fleet, policy).total, max, seed };
}

/** The fitting one with the highest value; of equal ones the one with the lowest tie-breaker this turn. */
function best(
  candidates: Candidate[],
  turn: number,
  fits: (candidate: Candidate) => boolean,
  value: (candidate: Candidate) => number,
): Candidate | undefined {
  let found: Candidate | undefined;
  for (const one of candidates) {
    if (!fits(one)) continue;
    const more = found === undefined ? 1 : value(one) - value(found);
    if (more > SAME || (more >= -SAME && tieBreaker(one, turn) < tieBreaker(found!, turn))) found = one;
  }
  return found;
}

/** The tie-breaker of a device: another one each turn, the same for the same salt. */
function tieBreaker({ seed }: Candidate, turn: number): number {
  return mixed(seed + Math.imul(turn, 0x9e3779b1));
}

/** FNV-1a. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) sum = Math.imul(sum ^ text.charCodeAt(n), 0x01000193);
  return mixed(sum);
}

/** Similar numbers become unrelated ones (the end of MurmurHash3). */
function mixed(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
