import type { Context } from '../context/context.ts';
import { isTransient } from '../db/database-error.ts';
import type { Session } from '../db/session.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { AttemptReader, type AttemptState, taskAttempts } from './attempt-reader.ts';
import type { LogEntry, LogFilter } from './log-entry.ts';

/** Between two reads while a log is followed. */
const POLL_MS = 400;
/** A device writes once a second: after the end of an attempt its last lines come within this. */
const LAST_LINES_MS = 1500;
/** Attempts that are shown when no number is given; earlier ones by their number. */
export const MOST_ATTEMPTS = 10;
/** How long a failover or a restart of the database is sat out. */
const DATABASE_WAIT_MS = 60_000;

export interface TaskLogOptions extends LogFilter {
  task_id: number;
  /** Only this attempt. */
  attempt?: number | undefined;
  /** Go on until the task (or the attempt) has ended. */
  follow: boolean;
  signal: AbortSignal;
}

/**
 * The run logs of a task, attempt by attempt. Followed, it goes on with the next attempt on the next device, ends when the task
 * has, and sits out a minute without the database.
 * @throws AfdError E_NOT_FOUND: no such task or attempt; DatabaseError
 */
export async function* taskLog(context: Context, options: TaskLogOptions): AsyncGenerator<LogEntry> {
  const session = await context.session();
  const { task_id, attempt: only, follow, signal } = options;
  const states = () =>
    patiently(session, follow, signal, () => taskAttempts(session, context.names, task_id, only ?? 1));
  let task = await states();
  let open = chosen(task.attempts, only);
  if (only !== undefined && open.length === 0) throw noAttempt(task_id, only, task.attempts);
  let last = 0;
  while (!signal.aborted) {
    const next = open.find((one) => one.attempt > last);
    if (next === undefined) {
      if (!follow || only !== undefined || isOver(task.status)) break;
      await sleep(POLL_MS, signal);
    } else {
      yield { kind: 'attempt', ...next };
      const end = yield* attemptEntries(context, session, next, options, states);
      if (end.ended_at !== null) yield { kind: 'attempt_end', ...end };
      last = next.attempt;
    }
    if (follow) {
      task = await states();
      open = chosen(task.attempts, only);
    }
  }
  if (isOver(task.status) && !signal.aborted) yield { kind: 'task_end', task_id, status: task.status };
}

/** Returns the attempt as it was at the end. */
async function* attemptEntries(
  { names }: Context,
  session: Session,
  begun: AttemptState,
  options: TaskLogOptions,
  states: () => ReturnType<typeof taskAttempts>,
): AsyncGenerator<LogEntry, AttemptState> {
  const { follow, signal } = options;
  const reader = new AttemptReader(session, names, begun, options);
  const read = () => patiently(session, follow, signal, () => reader.next());
  let state = begun;
  let last = lastRead(state, follow);
  yield* await read();
  while (!signal.aborted && monotonic() < last) {
    await sleep(POLL_MS, signal);
    if (state.ended_at === null) {
      const { attempts } = await states();
      state = attempts.find((one) => one.attempt === begun.attempt) ?? state;
      last = lastRead(state, follow);
    }
    yield* await read();
  }
  return state;
}

/** Monotonic time after which nothing more of this attempt comes, or is waited for. */
function lastRead({ ended_ms_ago: age }: AttemptState, follow: boolean): number {
  if (age === null) return follow ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return monotonic() + LAST_LINES_MS - age;
}

function chosen(attempts: AttemptState[], only: number | undefined): AttemptState[] {
  if (only !== undefined) return attempts.filter((one) => one.attempt === only);
  return attempts.slice(-MOST_ATTEMPTS);
}

function isOver(status: string): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

function noAttempt(task_id: number, attempt: number, later: AttemptState[]): AfdError {
  const known = later.length > 0 ? ` (its attempts: ${later.map((one) => one.attempt).join(', ')})` : '';
  return new AfdError('E_NOT_FOUND', `Task ${task_id} has no attempt ${attempt}${known}.`, {
    suggestions: [`afd tasks show ${task_id}`],
  });
}

/** Asks again while the database is away, if the log is followed. @throws what `ask` throws, at the latest after a minute */
export async function patiently<T>(
  session: Session,
  follow: boolean,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  const end = monotonic() + DATABASE_WAIT_MS;
  for (;;) {
    try {
      await session.ready();
      return await ask();
    } catch (error) {
      if (!follow || signal.aborted || !isTransient(error) || monotonic() > end) throw error;
      await sleep(POLL_MS, signal);
    }
  }
}
