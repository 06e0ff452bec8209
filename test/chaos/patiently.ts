import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError } from '../../src/core/db/database-error.ts';

/** A replicated database that was hurt has its writer back within this time. */
const LIMIT_MS = 90_000;
const noWriter = (error: unknown) => error instanceof DatabaseError && error.retry === 'connection';

/** Does it again while the database has no writer, or what it throws is `passing`. @throws what its last try threw */
export async function patiently<T>(
  work: () => Promise<T>,
  passing: (error: unknown) => boolean = noWriter,
): Promise<T> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!passing(error) || performance.now() > end) throw error;
      await pause(250);
    }
  }
}
