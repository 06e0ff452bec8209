import type { Context } from '../context/context.ts';
import { isTransient } from '../db/database-error.ts';
import type { Session } from '../db/session.ts';
import { type TaskState, taskStates } from '../db/tasks/task-states.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';

export type { TaskState };

/** How long a failover or a restart of the database is sat out. */
const DATABASE_WAIT_MS = 30_000;
const FIRST_MS = 100;
const MOST_MS = 5000;

/**
 * Waits until each of these tasks has ended, and returns how, in the order that was asked. Asks by primary key, at
 * intervals that grow from 0.1 to 5 s.
 * @throws AfdError E_NOT_FOUND; E_TASK_FAILED when one ended as failed or cancelled and E_TIMED_OUT when one had not
 *   ended in `timeoutS` (both with `data.tasks`); DatabaseError when the database stays away for 30 s
 */
export async function waitForTasks(context: Context, taskIds: number[], timeoutS?: number): Promise<TaskState[]> {
  const session = await context.session();
  const ids = [...new Set(taskIds)];
  const end = timeoutS === undefined ? Number.POSITIVE_INFINITY : monotonic() + timeoutS * 1000;
  let answered = monotonic();
  const ended = new Map<number, TaskState>();
  for (let pause = FIRST_MS; ; pause = Math.min(pause * 1.5, MOST_MS)) {
    const open = ids.filter((id) => !ended.has(id));
    let states: TaskState[] = [];
    try {
      states = await askFor(session, context, open);
      answered = monotonic();
      for (const state of states) if (isOver(state)) ended.set(state.task_id, state);
    } catch (error) {
      if (!isTransient(error) || monotonic() - answered > DATABASE_WAIT_MS) throw error;
      states = open.map((task_id) => ({ task_id, status: 'pending', attempt: 0, last_error: null, finished_at: null }));
    }
    if (ended.size === ids.length) return outcomeOf(ids.map((id) => ended.get(id)!));
    const left = end - monotonic();
    if (left <= 0) throw timedOut(ids, ended, states, timeoutS ?? 0);
    await sleep(Math.min(pause, left));
  }
}

async function askFor(session: Session, context: Context, ids: number[]): Promise<TaskState[]> {
  await session.ready();
  const states = await taskStates(session, context.names, ids);
  if (states.length === ids.length) return states;
  const there = new Set(states.map((one) => one.task_id));
  const missing = ids.filter((id) => !there.has(id));
  throw new AfdError('E_NOT_FOUND', `There is no task ${missing.join(', ')}.`, {
    suggestions: ['afd tasks ls'],
    data: { task_ids: missing },
  });
}

function isOver({ status }: TaskState): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

function outcomeOf(tasks: TaskState[]): TaskState[] {
  const bad = tasks.filter((one) => one.status !== 'done');
  if (bad.length === 0) return tasks;
  const first = bad[0]!;
  const why = first.last_error === null ? '' : `: ${first.last_error.split('\n', 1)[0]!.slice(0, 200)}`;
  const message =
    tasks.length === 1
      ? `Task ${first.task_id} ended as ${first.status}${why}.`
      : `${bad.length} of ${tasks.length} tasks ended without success: ${bad.map((one) => `${one.task_id} ${one.status}`).join(', ')}.`;
  throw new AfdError('E_TASK_FAILED', message, {
    suggestions: [`afd tasks show ${first.task_id}`],
    data: { tasks },
  });
}

function timedOut(ids: number[], ended: Map<number, TaskState>, open: TaskState[], timeoutS: number): AfdError {
  const now = new Map([...open.map((one) => [one.task_id, one] as const), ...ended]);
  const waiting = ids.filter((id) => !ended.has(id));
  const list = waiting.map((id) => `${id} ${now.get(id)?.status ?? ''}`.trim()).join(', ');
  return new AfdError('E_TIMED_OUT', `Timed out after ${timeoutS} s; not finished: ${list}.`, {
    suggestions: [`afd tasks show ${waiting[0]}`],
    data: { tasks: ids.flatMap((id) => now.get(id) ?? []) },
  });
}
