import { setTimeout as pause } from 'node:timers/promises';
import type { Carried } from './carried.ts';
import { DatabaseError } from './database-error.ts';
import type { Session } from './session.ts';

/**
 * Runs `work` between START TRANSACTION and COMMIT on this session. Deadlock and lock-wait errors roll back the whole
 * transaction and repeat it, at most `tries` times with full jitter (50 ms doubling): 1205 would otherwise leave half
 * of it open. Any other error rolls back and is thrown; after a lost connection the outcome of COMMIT is unknown, so
 * the caller must be able to find out by key. `carried` goes with START TRANSACTION.
 * @throws DatabaseError, or whatever `work` throws
 */
export async function transaction<T>(
  session: Session,
  work: () => Promise<T>,
  tries = 5,
  carried?: Carried,
): Promise<T> {
  return repeated(tries, async () => {
    try {
      await (carried === undefined ? session.write(BEGIN) : carried.send(session, BEGIN));
      const result = await work();
      await session.write('COMMIT');
      return result;
    } catch (error) {
      await rollback(session);
      throw error;
    }
  });
}

const BEGIN = 'START TRANSACTION';

/**
 * Runs `work` without a transaction around it: for work that writes by one statement alone. Repeats it as `transaction`
 * does. @throws DatabaseError, or whatever `work` throws
 */
export async function repeated<T>(tries: number, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const again = error instanceof DatabaseError && error.retry === 'transaction' && attempt < tries;
      if (!again) throw error;
      await pause(Math.random() * 50 * 2 ** attempt);
    }
  }
}

/** ROLLBACK if the connection still lives; a connection on which even that fails is destroyed, which rolls back too. */
export async function rollback(session: Session): Promise<void> {
  if (!session.alive) return;
  try {
    await session.write('ROLLBACK');
  } catch {
    session.destroy();
  }
}
