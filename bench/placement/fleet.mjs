// Four unequal devices, and the work that comes to them. Milliseconds.
import { exponential } from './clockwork.mjs';

export const TYPES = Array.from({ length: 10 }, (_, n) => `type_${n}`);
const MEAN_RUN = 2000;

/** The second can run half of the types only. `speed`: of the fastest. */
export const DEVICES = [
  { device_id: 'd1', slots: 20, speed: 1, success_rate: 0.99, types: TYPES },
  { device_id: 'd2', slots: 10, speed: 1, success_rate: 0.95, types: TYPES.slice(0, 5) },
  { device_id: 'd3', slots: 5, speed: 0.5, success_rate: 0.9, types: TYPES },
  { device_id: 'd4', slots: 5, speed: 0.25, success_rate: 0.7, types: TYPES },
];
/** Tasks per millisecond with every slot in use. */
const CAPACITY = DEVICES.reduce((sum, one) => sum + (one.slots * one.speed) / MEAN_RUN, 0);

/** Tasks that arrive at random, at this share of the capacity. `work`: milliseconds on the fastest device. */
export function arrivals(random, load, count) {
  let at = 0;
  return Array.from({ length: count }, () => {
    at += exponential(random, 1 / (CAPACITY * load));
    return taskAt(random, at);
  });
}

export function backlog(random, count) {
  return Array.from({ length: count }, () => taskAt(random, 0));
}

function taskAt(random, at) {
  return { at, type: TYPES[Math.floor(random() * TYPES.length)], work: exponential(random, MEAN_RUN) };
}

export const laneOf = (task) => ({ task_type: task.type, required_capabilities: null });

/** What a placer knows of a device at first: idle, with a history. */
export function viewOf(device) {
  return {
    device_id: device.device_id,
    region: null,
    capabilities: { supported_tasks: device.types },
    slots: device.slots,
    running: 0,
    unavailable: null,
    over_limits: [],
    success_rate: device.success_rate,
    avg_duration_ms: MEAN_RUN / device.speed,
    recent_claims: 0,
  };
}
