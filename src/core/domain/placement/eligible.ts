import { infeasibleReasons } from '../eligibility.ts';
import { maxOfType } from '../type-max.ts';
import type { DeviceView } from './device-view.ts';
import type { Lane } from './lane.ts';

export type Eligibility = { ok: true } | { ok: false; reasons: string[] };

/** True when stuck handlers hold all places of the type: it begins no task of it until it is started again. */
function isStuck({ capabilities, stuck_types = {} }: DeviceView, taskType: string): boolean {
  const max = maxOfType(capabilities, taskType);
  return max !== undefined && Object.hasOwn(stuck_types, taskType) && stuck_types[taskType]! >= max;
}

/** The hard rules: whether this device takes tasks of this lane now, and if not, every reason why. */
export function eligible(device: DeviceView, lane: Lane): Eligibility {
  const reasons = infeasibleReasons(device.capabilities, lane);
  if (device.unavailable !== null) reasons.push(device.unavailable);
  if (device.slots <= 0) reasons.push('has no slots');
  if (device.stuck > 0 && isStuck(device, lane.task_type)) reasons.push(`has all places of ${lane.task_type} stuck`);
  reasons.push(...device.over_limits);
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons };
}
