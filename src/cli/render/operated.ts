import type { RegisteredDevice, RemovedDevice, StatedDevice } from '../../core/devices/operate-devices.ts';

const SAYS = { active: 'is active', paused: 'is paused', draining: 'is draining', quarantined: 'is quarantined' };

export function renderOperated({ device_id, operator_state, previous, current_tasks }: StatedDevice): string {
  const again = operator_state === previous ? ' (unchanged)' : '';
  const says = `${device_id} ${SAYS[operator_state]}${again}`;
  if (operator_state === 'active') return `${says}. It claims tasks.`;
  const runs =
    current_tasks === 0 ? 'runs none' : `lets ${current_tasks} running task${current_tasks === 1 ? '' : 's'} finish`;
  return `${says}. It claims no more tasks and ${runs}.`;
}

export function renderRegistered({ device_id, created, warning }: RegisteredDevice): string {
  const done = created
    ? `${device_id} was registered. It is offline until "afd worker --device-id ${device_id}" runs.`
    : `${device_id} was already registered; the given values were updated.`;
  return warning === undefined ? done : `${done}\nWarning: ${warning}`;
}

export function renderRemoved({ device_id, orphaned }: RemovedDevice): string {
  const held = orphaned === 0 ? '' : ` The leader takes back its ${orphaned} task${orphaned === 1 ? '' : 's'}.`;
  return `${device_id} was removed.${held}`;
}
