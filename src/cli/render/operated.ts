import type { RegisteredDevice, RemovedDevice, StatedDevice } from '../../core/devices/operate-devices.ts';

const SAYS = { active: 'is active', paused: 'is paused', draining: 'is draining', quarantined: 'is quarantined' };

export function renderOperated({ device_id, operator_state, previous, current_tasks }: StatedDevice): string {
  const again = operator_state === previous ? ' (it was before)' : '';
  const says = `${device_id} ${SAYS[operator_state]}${again}`;
  if (operator_state === 'active') return `${says}: it claims tasks.`;
  const runs =
    current_tasks === 0 ? 'it runs nothing' : `${current_tasks} task${current_tasks === 1 ? '' : 's'} may finish`;
  return `${says}: it claims nothing more, and ${runs}.`;
}

export function renderRegistered({ device_id, created, warning }: RegisteredDevice): string {
  const done = created
    ? `${device_id} is registered, and offline until "afd worker --device-id ${device_id}" runs.`
    : `${device_id} was registered before; what you gave was written over.`;
  return warning === undefined ? done : `${done}\nWarning: ${warning}`;
}

export function renderRemoved({ device_id, orphaned }: RemovedDevice): string {
  const held =
    orphaned === 0 ? '' : ` The leader takes back the ${orphaned} task${orphaned === 1 ? '' : 's'} that it held.`;
  return `${device_id} is removed.${held}`;
}
