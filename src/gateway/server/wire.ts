// Records of core as answers show them: ids are texts, and nothing is in them that changes by itself.
import type { Device } from '../../core/devices/devices.ts';
import type { CutTask } from '../../core/search/search-tasks.ts';

export function idOrNull(id: number | null): string | null {
  return id === null ? null : String(id);
}

export function wireTask({ task_id, parent_id, batch_id, ...task }: CutTask) {
  return { task_id: String(task_id), ...task, parent_id: idOrNull(parent_id), batch_id: idOrNull(batch_id) };
}

export function wireDevice<T extends Device>({ heartbeat_age: _, stuck, ...device }: T) {
  // A row that another program has written may hold anything.
  const held = stuck.map((one) => ({ task_id: String(one?.task_id ?? ''), task_type: String(one?.task_type ?? '') }));
  return { ...device, stuck: held };
}
