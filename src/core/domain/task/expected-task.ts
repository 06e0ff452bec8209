// What an operator saw of a task when deciding what to do with it.
import { AfdError } from '../errors.ts';
import type { TaskStatus } from './task.ts';

/** Absent = any. */
export interface ExpectedTask {
  status?: TaskStatus | undefined;
  /** Number of its current or last attempt. */
  attempt?: number | undefined;
}

/** For a task whose row is locked. @throws AfdError E_CONFLICT when it is not as expected any more */
export function refuseChanged(
  { id, status, attempt }: { id: number; status: TaskStatus; attempt: number },
  expect: ExpectedTask,
): void {
  const seen = { status: expect.status ?? status, attempt: expect.attempt ?? attempt };
  if (seen.status === status && seen.attempt === attempt) return;
  const message = `Task ${id} has changed: it is ${status} (attempt ${attempt}), not ${seen.status} (attempt ${seen.attempt}).`;
  throw new AfdError('E_CONFLICT', message, {
    suggestions: [`afd tasks show ${id}`],
    data: { task_id: id, status, attempt },
  });
}
