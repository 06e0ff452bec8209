import { flushStarts } from '../db/queries/flush-starts.ts';
import { recordOwnClaims } from '../db/queries/record-claims.ts';
import type { ClaimerOptions } from './claimer-options.ts';

/**
 * What a worker writes about attempts that go on: rows for light claims that last, then started_at of what runs. Gives back
 * what waits for a slot for too long. @throws DatabaseError
 */
export async function recordStarts(options: ClaimerOptions): Promise<void> {
  const { session, names } = options;
  options.giveBack();
  const light = options.dueRecords();
  if (light.length > 0) {
    await session.ready();
    options.onRecorded(light, await recordOwnClaims(session, names, light));
  }
  const starts = options.dueStarts();
  if (starts.length === 0) return;
  await session.ready();
  const lost = await flushStarts(session, names, starts);
  if (lost.length > 0) options.onStartsLost(lost);
}
