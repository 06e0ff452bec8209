import type { Start } from '../../db/attempts/flush-starts.ts';
import { DatabaseError } from '../../db/database-error.ts';
import type { ExchangeResult, HeldClaim, PlannedClaim, WorkPort } from '../port/work-port.ts';
import type { ClaimedTaskRunner, ReportedAttempts } from './claimer-options.ts';

interface Recording {
  work: Pick<WorkPort<PlannedClaim, ExchangeResult>, 'ready' | 'materialize' | 'begin'>;
  runner: Pick<ClaimedTaskRunner, 'returnPrefetched'>;
  attempts: ReportedAttempts;
}

/**
 * What a worker writes about attempts that go on: rows for deferred claims that last, then started_at of what runs.
 * Returns prefetched tasks that wait for a slot for too long. @throws DatabaseError
 */
export async function recordStarts(options: Recording): Promise<void> {
  const { work, runner, attempts } = options;
  runner.returnPrefetched();
  await each(options, attempts.dueToMaterialize(), async (deferred: HeldClaim[]) => {
    await work.ready();
    attempts.materialized(deferred, await work.materialize(deferred));
  });
  await each(options, attempts.dueStarts(), async (starts: Start[]) => {
    await work.ready();
    const lost = await work.begin(starts);
    if (lost.length > 0) attempts.startsLost(lost);
  });
}

/**
 * All at once; where the server refuses the data of one, one after the other, and that one is passed over: it is
 * written with its end. @throws DatabaseError with another cause
 */
async function each<T>(options: Recording, list: T[], write: (some: T[]) => Promise<void>): Promise<void> {
  if (list.length === 0) return;
  try {
    await write(list);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.fault !== 'data') throw error;
    if (list.length > 1) for (const one of list) await each(options, [one], write);
    else options.attempts.unwritable(list[0] as HeldClaim | Start, error);
  }
}
