// Why a task that no device runs is not running, and where it would go: for people, from what is known right now.

import { infeasibleReasons } from '../eligibility.ts';
import { counted } from '../text/counted.ts';
import { maxOfType } from '../type-max.ts';
import type { DeviceView } from './device-view.ts';
import { eligible } from './eligible.ts';
import type { Lane } from './lane.ts';
import { aboveMinimum } from './min-score.ts';
import type { PlacementPolicy } from './policy.ts';
import { fleetOf, type ScoreParts, score } from './score.ts';

export interface DeviceChance {
  device_id: string;
  /** Why it does not take the task now; empty = it may. */
  reasons: string[];
  /** Under the fleet's strategy; null = it is not eligible. */
  score: number | null;
  parts: ScoreParts | null;
}

export interface TaskWaiting {
  /** A sentence. */
  why: string;
  /** The most likely first. */
  devices: DeviceChance[];
}

export interface WaitingTask extends Lane {
  /** Set when only this device may run it. */
  target_device_id: string | null;
  /** Seconds until it is due; 0 or less = it is. */
  due_in: number;
}

/** Devices that are named: the best chances, or the nearest misses. */
const MOST = 50;

export function explainWaiting(task: WaitingTask, devices: DeviceView[], policy: PlacementPolicy): TaskWaiting {
  const target = task.target_device_id;
  const asked = target === null ? devices : devices.filter((one) => sameId(one.device_id, target));
  const chances = chancesOf(task, asked, policy);
  const able = new Set(asked.filter((one) => isAble(one, task)).map((one) => one.device_id));
  const online = new Set(asked.filter((one) => one.unavailable === null).map((one) => one.device_id));
  // What a device lacks for good counts for more than how many things keep it now.
  const rank = (one: DeviceChance) => (able.has(one.device_id) ? (online.has(one.device_id) ? 0 : 1) : 2);
  chances.sort((a, b) => rank(a) - rank(b) || a.reasons.length - b.reasons.length || (b.score ?? 0) - (a.score ?? 0));
  return { why: sentence(task, asked, chances), devices: chances.slice(0, MOST) };
}

function chancesOf(lane: Lane, devices: DeviceView[], policy: PlacementPolicy): DeviceChance[] {
  const fleet = fleetOf(devices.filter((one) => eligible(one, lane).ok));
  const [above] = aboveMinimum(lane, devices, policy);
  return devices.map((one) => {
    const { device_id } = one;
    const found = eligible(one, lane);
    if (!found.ok) return { device_id, reasons: found.reasons, score: null, parts: null };
    const { total, parts } = score(one, lane, fleet, policy);
    const reasons: string[] = [];
    if (one.running >= one.slots) reasons.push(full(one));
    if (above !== undefined && total < policy.min_score) {
      reasons.push(
        `scores ${round(total)}, below load_balancer.min_score ${policy.min_score}, while ${above.device_id} reaches it`,
      );
    }
    return { device_id, reasons, score: round(total), parts: rounded(parts) };
  });
}

function full({ running, slots, stuck }: DeviceView): string {
  const over_limits = stuck === 0 ? '' : `, ${stuck} of them stuck`;
  return `is full (${running} of ${counted(slots, 'slot')}${over_limits})`;
}

function sentence(task: WaitingTask, devices: DeviceView[], chances: DeviceChance[]): string {
  const target = task.target_device_id;
  const [best] = chances;
  if (task.due_in > 0) return `it is due in ${Math.ceil(task.due_in)} s`;
  if (target !== null) {
    if (best === undefined) return `it is directed at ${target}, which is not registered`;
    const state = best.reasons.length === 0 ? willClaim(best, task, devices) : best.reasons.join(', ');
    return `it is directed at ${best.device_id}, which ${state}`;
  }
  if (best === undefined) return 'no worker is registered';
  if (best.reasons.length === 0) return `${best.device_id} ${willClaim(best, task, devices)}`;
  const able = devices.filter((one) => isAble(one, task));
  const nearest = `${best.device_id} ${best.reasons.join(', ')}`;
  if (able.length === 0) return `no device can run it; closest match: ${nearest}`;
  const online = able.filter((one) => one.unavailable === null);
  if (online.length === 0) return `no device that can run it is online and active; closest match: ${nearest}`;
  if (online.every((one) => one.over_limits.length > 0))
    return `every device that can run it is over a resource limit: ${nearest}`;
  return `every device that can run it is full, over a resource limit or below the minimum score; closest match: ${nearest}`;
}

/** How many of the type the device runs now is not known here. */
function willClaim({ device_id }: DeviceChance, { task_type }: Lane, devices: DeviceView[]): string {
  const device = devices.find((one) => one.device_id === device_id);
  const max = device === undefined ? undefined : maxOfType(device.capabilities, task_type);
  return max === undefined ? 'will claim it' : `will claim it when it runs fewer than ${max} of type ${task_type}`;
}

/** It has the handler and every capability, whatever keeps it now. */
function isAble({ capabilities }: DeviceView, lane: Lane): boolean {
  return infeasibleReasons(capabilities, lane).length === 0;
}

function sameId(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function rounded(parts: ScoreParts): ScoreParts {
  return Object.fromEntries(
    Object.entries(parts).map(([name, value]) => [name, round(value)]),
  ) as unknown as ScoreParts;
}
