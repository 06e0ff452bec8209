import { type TaskActs, taskActs } from '../audit/task-acts.ts';
import type { BatchAsked } from '../batches/batch-of-input.ts';
import type { Context } from '../context/context.ts';
import { momentFrom, type When } from '../context/moment.ts';
import { handledTypes } from '../db/devices/handled-types.ts';
import { databaseNowMs } from '../db/rows.ts';
import type { CancelledTask } from '../db/tasks/cancel-task.ts';
import type { InsertedTask } from '../db/tasks/insert-tasks.ts';
import { listTasks as queryTasks, type TaskFilter } from '../db/tasks/list-tasks.ts';
import type { ReassignedTask } from '../db/tasks/reassign-task.ts';
import type { RetriedTask } from '../db/tasks/retry-task.ts';
import { showTask as queryTask } from '../db/tasks/show-task.ts';
import { type StoredResult, taskResult } from '../db/tasks/task-result.ts';
import { resolveDeviceId } from '../devices/find-device.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import type { TaskWaiting } from '../domain/placement/waiting.ts';
import type { ExpectedTask } from '../domain/task/expected-task.ts';
import { checkNewTasks } from '../domain/task/new-task.ts';
import type { NewTask } from '../domain/task/task.ts';
import type { TaskDetails, TaskRecord } from '../domain/task/task-record.ts';
import { intoBatch } from './add-tasks.ts';
import { cancelAudited, reassignAudited, retryAudited } from './audited-acts.ts';
import { TaskDoubts } from './task-doubts.ts';
import { checkedFilter, checkStatus } from './task-filter.ts';
import { taskWaiting } from './why-pending.ts';

export { enqueueTasks } from '../context/enqueue.ts';
export type {
  CancelledTask,
  InsertedTask,
  NewTask,
  ReassignedTask,
  RetriedTask,
  TaskDetails,
  TaskFilter,
  TaskRecord,
  TaskWaiting,
};

/** What became of several tasks, one transaction each. */
export interface Several<T> {
  tasks: T[];
  /** Set when some were refused: that one's own error, or E_PARTIAL that names each. The others are done. */
  error: AfdError | undefined;
}

export interface AddedTask extends InsertedTask {
  /** To which it was added; null = to none. */
  batch_id: number | null;
  /** What is odd about it, in sentences; it is added all the same. */
  warnings: string[];
}

/**
 * Adds one task; `runAt` may be relative to the database's now. `batch`: to which, and who makes it if it is new.
 * @throws AfdError E_USAGE; E_NOT_FOUND, E_CONFLICT of the batch; DatabaseError
 */
export async function addTask(
  context: Context,
  task: NewTask,
  { runAt, batch }: { runAt?: When | undefined; batch?: BatchAsked | undefined } = {},
): Promise<AddedTask> {
  // What is wrong is reported before anything is connected.
  checkNewTasks(task);
  const producer = await context.producer();
  const session = await producer.session();
  const now = await databaseNowMs(session);
  const due = runAt === undefined ? {} : { run_at: momentFrom(now, runAt) };
  const doubts = new TaskDoubts(now, await handledTypes(session, context.names));
  const { tasks, batch_id } = await intoBatch(producer, [{ ...task, ...due }], batch);
  const [answer] = tasks;
  if (answer === undefined) throw new AfdError('E_INTERNAL', 'A task was inserted, but its result is missing.');
  if (answer.created) doubts.check({ ...task, ...due });
  return { ...answer, batch_id, warnings: doubts.sentences };
}

/**
 * Newest first. A device may be named by the beginning of its id; one that was removed, by the whole of it, as long as there
 * are tasks of it. @throws AfdError E_USAGE for a status that does not exist, E_NOT_FOUND for a device; DatabaseError
 */
export async function listTasks(context: Context, filter: TaskFilter): Promise<TaskRecord[]> {
  checkStatus(filter.status, 'afd tasks ls');
  const session = await context.session();
  return queryTasks(session, context.names, await checkedFilter(session, context.names, filter, 'afd tasks ls'));
}

/** A task with its attempts, who acted on it, and why it waits. */
export interface ShownTask extends TaskDetails, TaskActs {
  /** Null = it does not wait for a device. */
  waiting: TaskWaiting | null;
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function showTask(context: Context, taskId: number): Promise<ShownTask> {
  const task = await queryTask(await context.session(), context.names, taskId);
  return { ...task, waiting: await taskWaiting(context, task), ...(await taskActs(context, taskId)) };
}

/**
 * JSON text of what the last completed attempt returned, or this attempt; not decoded, so that no number loses digits.
 * @throws AfdError E_NOT_FOUND: no such task, or no result; DatabaseError
 */
export async function resultOf(context: Context, taskId: number, attempt?: number): Promise<string> {
  return (await storedResult(context, taskId, attempt)).result;
}

/** The same, and which attempt returned it. */
export async function storedResult(context: Context, taskId: number, attempt?: number): Promise<StoredResult> {
  const session = await context.session();
  const found = await taskResult(session, context.names, taskId, attempt);
  if (found !== undefined) return found;
  const task = await queryTask(session, context.names, taskId);
  const number = attempt ?? task.attempt;
  const last = task.assignments.findLast((one) => one.attempt === number);
  const state =
    last === undefined ? 'does not exist' : last.status === 'completed' ? 'returned none' : `is ${last.status}`;
  const why =
    attempt !== undefined
      ? `attempt ${attempt} ${state}`
      : `no attempt of it has completed with one; it is ${task.status}`;
  throw new AfdError('E_NOT_FOUND', `Task ${taskId} has no result: ${why}.`, {
    suggestions: [`afd tasks show ${taskId}`],
    data: { task_id: taskId, status: task.status },
  });
}

/** Ends tasks for good; what runs is ended by its holder, or with `force` at once. @throws DatabaseError */
export async function cancelTasks(
  context: Context,
  taskIds: number[],
  { force, by }: { force: boolean; by: Actor },
): Promise<Several<CancelledTask>> {
  const session = await context.session();
  return each(taskIds, 'cancelled', (id) => cancelAudited({ session, names: context.names }, id, { force, by }));
}

/** Runs tasks again, now, with a new retry budget; `force` also what is done. @throws DatabaseError */
export async function retryTasks(
  context: Context,
  taskIds: number[],
  { force, by }: { force: boolean; by: Actor },
): Promise<Several<RetriedTask>> {
  const producer = await context.producer();
  const session = await producer.session();
  const result = await each(taskIds, 'retried', (id) =>
    retryAudited({ session, names: context.names }, id, { force, by }),
  );
  await producer.notifyAgain(result.tasks.map((one) => one.task_id));
  return result;
}

/** Moves a task to another device, or makes it pending for all. @throws AfdError E_NOT_FOUND, E_CONFLICT; DatabaseError */
export async function reassignTask(
  context: Context,
  taskId: number,
  options: {
    to?: string | undefined;
    /** `to` is a whole id, never the beginning of one. */
    exact?: boolean;
    force: boolean;
    by: Actor;
    expect?: ExpectedTask | undefined;
  },
): Promise<ReassignedTask> {
  const producer = await context.producer();
  const session = await producer.session();
  const { to: typed, exact = false, force, by, expect } = options;
  const command = `afd tasks reassign ${taskId} --to`;
  const whole = typed === undefined || exact;
  const to = whole ? typed : await resolveDeviceId(session, context.names, typed, command);
  const { piggybacked: carried, ring } = producer.notifier.prepare(session, []);
  const change = { to, force, expect, piggybacked: carried };
  const moved = await reassignAudited({ session, names: context.names }, taskId, { ...change, by });
  ring([]);
  if (moved.status === 'assigned' && to !== undefined) producer.notifier.ringSender.ringDevice(to);
  else if (moved.status === 'pending') await producer.notifyAgain([taskId]);
  return moved;
}

/** A refusal concerns its own task only; what the database says concerns all, and ends the call. */
async function each<T>(taskIds: number[], done: string, work: (id: number) => Promise<T>): Promise<Several<T>> {
  const ids = [...new Set(taskIds)];
  const tasks: T[] = [];
  const refused: Array<{ task_id: number; error: AfdError }> = [];
  for (const task_id of ids) {
    try {
      tasks.push(await work(task_id));
    } catch (error) {
      const own = error instanceof AfdError && (error.code === 'E_NOT_FOUND' || error.code === 'E_CONFLICT');
      if (!own) throw error;
      refused.push({ task_id, error });
    }
  }
  if (refused.length === 0 || ids.length === 1) return { tasks, error: refused[0]?.error };
  const why = refused.map(({ error }) => error.message).join(' ');
  const failed = refused.map(({ task_id, error }) => ({ task_id, code: error.code, message: error.message }));
  const error = new AfdError('E_PARTIAL', `${refused.length} of ${ids.length} tasks were not ${done}. ${why}`, {
    suggestions: [...new Set(refused.flatMap((one) => one.error.suggestions))],
    data: { tasks, failed },
  });
  return { tasks, error };
}
