// Acts on all tasks that a preview has shown, chunk by chunk. Each task has a transaction of its own and is changed only if it
// still fits; what happened to it is said. Nothing remembers a run: the cursor of each answer carries it.
import { createHash } from 'node:crypto';
import type { Context } from '../context/context.ts';
import { databaseNowMs } from '../db/rows.ts';
import { taskStates } from '../db/tasks/task-states.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError, type ErrorCode } from '../domain/errors.ts';
import type { TaskStatus } from '../domain/task/task.ts';
import { monotonic } from '../runtime/clock.ts';
import { findTaskIds } from '../search/find-ids.ts';
import { actOnTask, type TaskAct } from './act-on-task.ts';
import { type ManyActs, openPreview, PREVIEW_S, refuseOther } from './preview.ts';
import { Seal } from './seal.ts';

export interface ActResult {
  task_id: number;
  /** False: it was left alone, because of `code`. */
  done: boolean;
  /** As it is now; null = it is gone. */
  status: TaskStatus | null;
  code: ErrorCode | null;
  message: string | null;
}

export interface ActedChunk {
  results: ActResult[];
  /** With it the next chunk is asked for; null = that was all. */
  cursor: string | null;
  /** Of all chunks so far. */
  done: number;
  refused: number;
}

interface Progress {
  token: string;
  below: number;
  at: number;
  done: number;
  refused: number;
}

/** Milliseconds after which a chunk takes no further task. */
const CHUNK_MS = 5000;
const PURPOSE = 'cursor of acts';

export interface ChunkOptions {
  token: string;
  cursor?: string | undefined;
  /** Tasks of this chunk. */
  limit: number;
  /** What the caller believes to act on. */
  of: Partial<Pick<ManyActs, 'act' | 'filter'>>;
  by(reason: string | undefined): Actor;
}

/** @throws AfdError E_USAGE, E_CONFLICT for what is not a preview of this, or too old; DatabaseError: ask again with the same cursor */
export async function actOnMany(context: Context, options: ChunkOptions): Promise<ActedChunk> {
  const sealed = await openPreview(context, options.token);
  refuseOther(sealed, options.of);
  const session = await context.session();
  const seal = await Seal.of(context, PURPOSE);
  const hash = createHash('sha256').update(options.token).digest('base64url');
  const at = await databaseNowMs(session);
  const progress = progressOf(seal, options.cursor, hash) ?? { ...sealed, token: hash, done: 0, refused: 0 };
  if (at - progress.at > PREVIEW_S * 1000) throw tooOld(options.cursor === undefined);
  const { acts } = sealed;
  const { ids, next } = await findTaskIds(
    session,
    context,
    acts.filter,
    { before: progress.below, limit: options.limit },
    false,
  );
  const { results, left } = await actOnEach(
    context,
    ids,
    { ...acts, by: options.by(acts.reason) },
    acts.filter.status ?? [],
  );
  const done = progress.done + results.filter((one) => one.done).length;
  const refused = progress.refused + results.filter((one) => !one.done).length;
  const below = left === undefined ? next : left + 1;
  const cursor = below === null ? null : seal.close({ token: hash, below, at, done, refused } satisfies Progress);
  return { results, cursor, done, refused };
}

/** `left`: the first that there was no time for. */
async function actOnEach(context: Context, ids: number[], act: TaskAct, only: TaskStatus[]) {
  const end = monotonic() + CHUNK_MS;
  const session = await context.session();
  const states = new Map((await taskStates(session, context.names, ids)).map((one) => [one.task_id, one]));
  const results: ActResult[] = [];
  const retried: number[] = [];
  let left: number | undefined;
  for (const task_id of ids) {
    if (results.length > 0 && monotonic() > end) {
      left = task_id;
      break;
    }
    const seen = states.get(task_id);
    if (seen === undefined || !only.includes(seen.status)) {
      results.push(changed(task_id, seen?.status ?? null));
      continue;
    }
    const { status, attempt } = seen;
    results.push(await tried(task_id, () => actOnTask(context, task_id, act, { status, attempt }, false)));
    if (act.act === 'retry' && results.at(-1)!.done) retried.push(task_id);
  }
  if (retried.length > 0) await (await context.producer()).notifyAgain(retried);
  return { results, left };
}

/** A refusal concerns its own task only; what the database says concerns all, and ends the call. */
async function tried(task_id: number, act: () => Promise<{ status: TaskStatus }>): Promise<ActResult> {
  try {
    const { status } = await act();
    return { task_id, done: true, status, code: null, message: null };
  } catch (error) {
    if (!(error instanceof AfdError) || (error.code !== 'E_NOT_FOUND' && error.code !== 'E_CONFLICT')) throw error;
    const status = (error.data.status as TaskStatus | undefined) ?? null;
    return { task_id, done: false, status, code: error.code, message: error.message };
  }
}

function changed(task_id: number, status: TaskStatus | null): ActResult {
  if (status === null)
    return { task_id, done: false, status, code: 'E_NOT_FOUND', message: `There is no task ${task_id}.` };
  return { task_id, done: false, status, code: 'E_CONFLICT', message: `Task ${task_id} has changed: it is ${status}.` };
}

function progressOf(seal: Seal, cursor: string | undefined, token: string): Progress | undefined {
  if (cursor === undefined) return undefined;
  const progress = seal.open(cursor) as Progress | undefined;
  if (progress === undefined || progress.token !== token)
    throw new AfdError('E_USAGE', 'The cursor is not one of this token.');
  return progress;
}

function tooOld(first: boolean): AfdError {
  const what = first ? 'The preview' : 'The last chunk';
  return new AfdError('E_CONFLICT', `${what} is older than ${PREVIEW_S / 60} minutes. Ask for a new preview.`);
}
