import { didYouMean } from '../config/did-you-mean.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { listTasks } from '../db/tasks/list-tasks.ts';
import type { TaskConditions } from '../db/tasks/task-filter.ts';
import { resolveDeviceId } from '../devices/find-device.ts';
import { AfdError } from '../domain/errors.ts';
import { TASK_STATUSES } from '../domain/task/task.ts';

/**
 * A filter as it was typed, with the whole id of its device. A device may be named by the beginning of its id; one that was
 * removed, by the whole of it, as long as there are tasks of it.
 * @throws AfdError E_USAGE for a status that does not exist, E_NOT_FOUND for a device; DatabaseError
 */
export async function checkedFilter<T extends TaskConditions>(
  session: Session,
  names: TableNames,
  filter: T,
  command: string,
): Promise<T> {
  const { device_id: typed } = filter;
  if (typed === undefined) return filter;
  try {
    return { ...filter, device_id: await resolveDeviceId(session, names, typed, `${command} --device`) };
  } catch (error) {
    if (!(error instanceof AfdError && error.code === 'E_NOT_FOUND')) throw error;
    if ((await listTasks(session, names, { device_id: typed, limit: 1 })).length === 0) throw error;
    return filter;
  }
}

/** @throws AfdError E_USAGE */
export function checkStatus(status: string | undefined, command: string): void {
  if (status === undefined || (TASK_STATUSES as readonly string[]).includes(status)) return;
  const near = didYouMean(status, TASK_STATUSES);
  throw new AfdError('E_USAGE', `"${status}" is not a task status (use ${TASK_STATUSES.join(', ')}).`, {
    suggestions: [`${command} --status ${near ?? 'pending'}`],
  });
}
