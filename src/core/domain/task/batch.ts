// What a batch is, in the words of its rows and of the API: tasks that were added for one purpose, and whose end is an event.
import { AfdError } from '../errors.ts';
import type { TaskStatus } from './task.ts';

/** Sealed = no more tasks are added to it. Ended = and none of its tasks is open. */
export type BatchState = 'open' | 'sealed' | 'ended';

export interface Batch {
  batch_id: number;
  name: string;
  state: BatchState;
  /** ISO 8601 UTC, as all of these. */
  created_at: string;
  created_by: string;
  sealed_at: string | null;
  ended_at: string | null;
}

export interface BatchCount {
  count: number;
  /** False: at least that many. */
  exact: boolean;
}

/** Tasks of a batch, by status. */
export type BatchCounts = Record<TaskStatus, BatchCount>;

/** Where new tasks go: a batch that is made for them, or one that is there. */
export type IntoBatch = { name: string; open: boolean } | { batch_id: number };

export const MOST_BATCH_NAME = 191;
const OPEN: readonly TaskStatus[] = ['pending', 'waiting', 'assigned', 'running'];

/** At least that many of its tasks have not ended. */
export function openTasks(counts: BatchCounts): number {
  return OPEN.reduce((sum, status) => sum + counts[status].count, 0);
}

/** @throws AfdError E_USAGE */
export function checkBatchName(name: unknown): asserts name is string {
  const fits = typeof name === 'string' && name.trim() !== '' && [...name].length <= MOST_BATCH_NAME;
  if (fits) return;
  throw new AfdError('E_USAGE', `The name of a batch must be text of 1 to ${MOST_BATCH_NAME} characters.`, {
    suggestions: ['afd batches ls'],
  });
}
