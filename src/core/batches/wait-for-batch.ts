import type { Context } from '../context/context.ts';
import { isTransient } from '../db/database-error.ts';
import { AfdError } from '../domain/errors.ts';
import { openTasks } from '../domain/task/batch.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { type ShownBatch, showBatch } from './batches.ts';

/** How long a failover or a restart of the database is sat out. */
const DATABASE_WAIT_MS = 30_000;
const FIRST_MS = 100;
const MOST_MS = 5000;

/**
 * Waits until the batch has ended: it is sealed, and none of its tasks is open. It needs no leader. Asks at intervals that grow from 0.1 to
 * 5 s.
 * @throws AfdError E_NOT_FOUND; E_TASK_FAILED when a task of it failed or was cancelled and E_TIMED_OUT when it had not ended in
 *   `timeoutS` (both with `data.batch`); DatabaseError when the database stays away for 30 s
 */
export async function waitForBatch(context: Context, id: number, timeoutS?: number): Promise<ShownBatch> {
  const end = timeoutS === undefined ? Number.POSITIVE_INFINITY : monotonic() + timeoutS * 1000;
  // A database that is not there at the start is an error at once.
  const session = await context.session();
  const same = { ...context, session: async () => session };
  let answered = monotonic();
  let batch: ShownBatch | undefined;
  for (let pause = FIRST_MS; ; pause = Math.min(pause * 1.5, MOST_MS)) {
    try {
      await session.ready();
      batch = await showBatch(same, id);
      answered = monotonic();
      if (batch.state !== 'open' && openTasks(batch.counts) === 0) return outcomeOf(batch);
    } catch (error) {
      if (!isTransient(error) || monotonic() - answered > DATABASE_WAIT_MS) throw error;
    }
    const left = end - monotonic();
    if (left <= 0) throw timedOut(id, batch, timeoutS ?? 0);
    await sleep(Math.min(pause, left));
  }
}

function outcomeOf(batch: ShownBatch): ShownBatch {
  const { failed, cancelled } = batch.counts;
  if (failed.count + cancelled.count === 0) return batch;
  const said = [
    ...(failed.count > 0 ? [`${failed.count} failed`] : []),
    ...(cancelled.count > 0 ? [`${cancelled.count} were cancelled`] : []),
  ];
  throw new AfdError('E_TASK_FAILED', `Of the tasks of batch ${batch.batch_id}, ${said.join(' and ')}.`, {
    suggestions: [`afd batches show ${batch.batch_id}`],
    data: { batch },
  });
}

function timedOut(id: number, batch: ShownBatch | undefined, timeoutS: number): AfdError {
  const open = batch === undefined ? 0 : openTasks(batch.counts);
  const why =
    batch === undefined
      ? 'the database did not answer'
      : batch.state === 'open'
        ? 'it is not sealed'
        : `${open} of its tasks have not ended`;
  const next = batch?.state === 'open' ? `afd batches seal ${id}` : `afd batches show ${id}`;
  return new AfdError('E_TIMED_OUT', `Timed out after ${timeoutS} s; batch ${id} has not ended: ${why}.`, {
    suggestions: [next],
    data: { batch: batch ?? null },
  });
}
