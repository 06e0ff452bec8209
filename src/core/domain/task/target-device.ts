import { type Capabilities, infeasibleReasons, type LaneRequirements } from '../eligibility.ts';

/** What decides whether a task that is directed at a device will start there. */
export interface TargetDevice {
  device_id: string;
  device_type: string;
  status: string;
  operator_state: string;
  capabilities: Capabilities;
  /** Resource limits that it is over, in words. */
  over_limits: string[];
}

/** Why a task that is directed at this device will not start there, in words that follow its name; empty = it can. */
export function targetObstacles(
  { status, operator_state, capabilities }: TargetDevice,
  lane: LaneRequirements,
): string[] {
  return [
    ...(status === 'offline' ? ['is offline'] : []),
    ...(operator_state === 'active' ? [] : [`is ${operator_state}`]),
    ...infeasibleReasons(capabilities, lane),
  ];
}

/** Why a task directed at this device would not start there now, and what happens instead, in sentences; empty = it will. */
export function targetWarnings(device: TargetDevice, lane: LaneRequirements): string[] {
  const { device_id, status, operator_state, over_limits: held } = device;
  const away: string[] = [];
  if (status === 'offline') away.push('offline');
  if (operator_state !== 'active') away.push(operator_state);
  const warnings = away.map((why) => `${device_id} is ${why}: the leader will release the task to all devices.`);
  for (const reason of infeasibleReasons(device.capabilities, lane)) {
    warnings.push(`${device_id} ${reason}: the task cannot start on it until that changes.`);
  }
  if (away.length === 0 && held.length > 0) {
    warnings.push(
      `${device_id} claims no tasks at the moment (${held.join('; ')}): the task stays pending until it does.`,
    );
  }
  return warnings;
}
