// How well a device suits a lane. The design document's formula, and what it leaves open: what a device without history
// counts as, what a match is among devices that all may run the task, and where near is.
import type { Capabilities } from '../eligibility.ts';
import type { DeviceView } from './device-view.ts';
import { type Lane, preferredRegions } from './lane.ts';
import type { PlacementPolicy } from './policy.ts';

/** What the devices that may run a lane have in common; those without history count as the mean. */
export interface Fleet {
  success_rate: number | null;
  avg_duration_ms: number | null;
  best_duration_ms: number | null;
  recent_claims: number;
}

/** Each 0–1, before weighting. */
export interface ScoreParts {
  load_factor: number;
  capability_match: number;
  success_rate: number;
  response_time: number;
  /** The fewer tasks it was given lately, compared with the others, the nearer to 1. */
  turn: number;
  /** 1 = in a region that the task prefers. */
  region: 0 | 1;
}

export interface Score {
  total: number;
  parts: ScoreParts;
}

/** Capabilities that say what and how much a device runs, and where; they make it no specialist. */
const COMMON = new Set(['supported_tasks', 'max_concurrent', 'max_concurrent_tasks', 'max_per_type', 'region']);

/** The figures that `score` compares with. `devices`: those that may run the lane. */
export function fleetOf(devices: DeviceView[]): Fleet {
  const durations = devices.flatMap((one) => one.avg_duration_ms ?? []);
  return {
    success_rate: mean(devices.flatMap((one) => one.success_rate ?? [])),
    avg_duration_ms: mean(durations),
    best_duration_ms: durations.length === 0 ? null : Math.min(...durations),
    recent_claims: mean(devices.map((one) => one.recent_claims)) ?? 0,
  };
}

/** Higher is better. 0–1 with the document's weights, plus the bonus of the region. */
export function score(device: DeviceView, lane: Lane, fleet: Fleet, policy: PlacementPolicy): Score {
  const regions = preferredRegions(lane);
  const parts: ScoreParts = {
    load_factor: device.slots <= 0 ? 0 : Math.max(0, 1 - device.running / device.slots),
    capability_match: capabilityMatch(device.capabilities, lane),
    success_rate: device.success_rate ?? fleet.success_rate ?? 1,
    response_time: responseTime(device, lane, fleet),
    turn: (fleet.recent_claims + 1) / (fleet.recent_claims + 1 + device.recent_claims),
    region: device.region !== null && regions.includes(device.region) ? 1 : 0,
  };
  return { total: strategyScore(parts, policy) + policy.region_bonus * parts.region, parts };
}

function strategyScore(parts: ScoreParts, { strategy, weights }: PlacementPolicy): number {
  if (strategy === 'least_tasks') return parts.load_factor;
  if (strategy === 'round_robin') return parts.turn;
  return (
    parts.load_factor * weights.load_factor +
    parts.capability_match * weights.capability_match +
    parts.success_rate * weights.success_rate +
    parts.response_time * weights.response_time
  );
}

/** Share of what makes the device special that the lane uses, so that a browser is not wasted on plain tasks. */
function capabilityMatch(capabilities: Capabilities, lane: Lane): number {
  const special = Object.keys(capabilities).filter((name) => !COMMON.has(name) && says(capabilities[name]));
  if (special.length === 0) return 1;
  const used = special.filter((name) => says(lane.required_capabilities?.[name]));
  return used.length / special.length;
}

/** False for what offers or asks for nothing: false, null, 0, '' and an empty list. */
function says(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** The best mean duration among the devices / its own; without a history its own is the fleet's mean, or the estimate. */
function responseTime(device: DeviceView, lane: Lane, fleet: Fleet): number {
  const estimate = typeof lane.estimated_duration === 'number' ? lane.estimated_duration * 1000 : null;
  const own = device.avg_duration_ms ?? fleet.avg_duration_ms ?? estimate;
  const best = fleet.best_duration_ms ?? estimate;
  if (own === null || best === null || own <= best) return 1;
  return best / own;
}

function mean(values: number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, one) => sum + one, 0) / values.length;
}
