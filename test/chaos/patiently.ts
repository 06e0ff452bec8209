import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError } from '../../src/core/db/database-error.ts';

/** A replicated database that was hurt has its writer back within this time. */
const LIMIT_MS = 90_000;
const PAUSE_MS = 250;

/** Does it again while the database has no writer. @throws DatabaseError of its last try */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof DatabaseError && error.retry === 'connection';
      if (!passing || performance.now() > end) throw error;
      await pause(PAUSE_MS);
    }
  }
}
