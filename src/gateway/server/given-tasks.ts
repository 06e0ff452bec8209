// The body of a request that adds tasks: a task, a list of tasks, or tasks with their batch. What each task has, core checks.

import { AfdError } from '../../core/domain/errors.ts';
import type { IntoBatch } from '../../core/domain/task/batch.ts';
import { MOST_NEW_TASKS, tasksWithBatch } from '../../http/new-task-contract.ts';
import { invalidRequest } from './invalid-request.ts';

/** @throws AfdError E_USAGE */
export function givenTasks(body: unknown): { tasks: never[]; into: IntoBatch | undefined } {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'tasks')) {
    const tasks = Array.isArray(body) ? body : [body];
    return { tasks: checked(tasks, 1), into: undefined };
  }
  const { success, data, error } = tasksWithBatch.safeParse(body);
  if (!success) throw invalidRequest(error.issues);
  const { tasks, batch, batch_id } = data;
  if (batch !== undefined && batch_id !== undefined)
    throw new AfdError('E_USAGE', 'The request has both batch and batch_id; tasks are added to one batch.');
  const into = batch ?? (batch_id === undefined ? undefined : { batch_id });
  return { tasks: checked(tasks, batch === undefined ? 1 : 0), into };
}

function checked(tasks: unknown[], least: number): never[] {
  if (tasks.length >= least && tasks.length <= MOST_NEW_TASKS) return tasks as never[];
  throw new AfdError('E_USAGE', `The request has ${tasks.length} tasks; one call adds ${least} to ${MOST_NEW_TASKS}.`);
}
