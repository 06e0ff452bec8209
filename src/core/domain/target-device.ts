import { type Capabilities, infeasibleReasons, type LaneRequirements } from './eligibility.ts';

/** What decides whether a task that is directed at a device will start there. */
export interface TargetDevice {
  device_id: string;
  device_type: string;
  status: string;
  operator_state: string;
  capabilities: Capabilities;
}

/** Why a task directed at this device would not start there now; empty = it will. Sentences without a full stop. */
export function targetWarnings(device: TargetDevice, lane: LaneRequirements): string[] {
  const { device_id } = device;
  const warnings: string[] = [];
  if (device.status === 'offline') warnings.push(`${device_id} is offline`);
  if (device.operator_state !== 'active') warnings.push(`${device_id} is ${device.operator_state}`);
  for (const reason of infeasibleReasons(device.capabilities, lane)) warnings.push(`${device_id} ${reason}`);
  return warnings;
}
