import { flushStarts, type Start } from '../../db/attempts/flush-starts.ts';
import { materializeOwnClaims } from '../../db/attempts/materialize-attempts.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { rollback } from '../../db/transaction.ts';
import type { ClaimerOptions, DeferredAttempt } from './claimer-options.ts';

/**
 * What a worker writes about attempts that go on: rows for deferred claims that last, then started_at of what runs.
 * Returns prefetched tasks that wait for a slot for too long. @throws DatabaseError
 */
export async function recordStarts(options: ClaimerOptions): Promise<void> {
  const { session, names, runner, attempts } = options;
  runner.returnPrefetched();
  await each(options, attempts.dueToMaterialize(), async (deferred: DeferredAttempt[]) => {
    await session.ready();
    attempts.materialized(deferred, await materializeOwnClaims(session, names, deferred));
  });
  await each(options, attempts.dueStarts(), async (starts: Start[]) => {
    await session.ready();
    const lost = await flushStarts(session, names, starts);
    if (lost.length > 0) attempts.startsLost(lost);
  });
}

/**
 * All at once; where the server refuses the data of one, one after the other, and that one is passed over: it is
 * written with its end. @throws DatabaseError with another cause
 */
async function each<T>(options: ClaimerOptions, list: T[], write: (some: T[]) => Promise<void>): Promise<void> {
  if (list.length === 0) return;
  try {
    await write(list);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.fault !== 'data') throw error;
    await rollback(options.session);
    if (list.length > 1) for (const one of list) await each(options, [one], write);
    else options.attempts.unwritable(list[0] as DeferredAttempt | Start, error);
  }
}
