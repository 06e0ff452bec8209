import { infeasibleReasons } from '../eligibility.ts';
import type { DeviceView } from './device-view.ts';
import type { Lane } from './lane.ts';

export type Eligibility = { ok: true } | { ok: false; reasons: string[] };

/** The hard rules: whether this device takes tasks of this lane now, and if not, every reason why. */
export function eligible(device: DeviceView, lane: Lane): Eligibility {
  const reasons = infeasibleReasons(device.capabilities, lane);
  if (device.unavailable !== null) reasons.push(device.unavailable);
  if (device.slots <= 0) reasons.push('has no slots');
  reasons.push(...device.over_limits);
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons };
}
