import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError, isOutcomeUnknown, Overtaken, unknownOutcome } from './database-error.ts';
import type { Piggybacked } from './piggyback.ts';
import type { Session } from './session.ts';

/**
 * Runs `work` between START TRANSACTION and COMMIT on this session. A transient failure (a deadlock, a lock wait, KILL
 * QUERY, a time limit, an unknown error) rolls back the whole transaction and repeats it, at most `tries` times with
 * full jitter (50 ms doubling): 1205 would otherwise leave half of it open. Any other error rolls back and is thrown;
 * after a lost connection, or a COMMIT that failed without a word about its outcome, that is unknown
 * (`isConnectionLost`), so the caller must be able to find out by key. `carried` goes with START TRANSACTION.
 * @throws DatabaseError, or whatever `work` throws
 */
export async function transaction<T>(
  session: Session,
  work: () => Promise<T>,
  tries = 5,
  carried?: Piggybacked,
): Promise<T> {
  if (whole.has(session)) {
    await carried?.flush(session);
    return work();
  }
  const attempt = async () => {
    try {
      await (carried === undefined ? session.write(BEGIN) : carried.send(session, BEGIN));
      const result = await work();
      await commit(session);
      return result;
    } catch (error) {
      await rollback(session);
      throw error;
    }
  };
  return again(tries, attempt, (error) => error.retry === 'transaction');
}

const BEGIN = 'START TRANSACTION';
/** Each time another session has committed, so there is little to wait for; more come from an index that is not ours. */
const OVERTAKEN_TRIES = 50;

/** Sessions in a transaction of several steps. */
const whole = new WeakSet<Session>();

/**
 * The same for several steps that have transactions of their own elsewhere: here they are parts of this one, which is repeated, or
 * rolled back, as a whole. @throws as `transaction`
 */
export async function wholeTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  if (whole.has(session)) return work();
  return transaction(session, async () => {
    whole.add(session);
    try {
      return await work();
    } finally {
      whole.delete(session);
    }
  });
}

/** Reads in `work` all see one moment. @throws DatabaseError, or whatever `work` throws */
export async function snapshot<T>(session: Session, work: () => Promise<T>): Promise<T> {
  try {
    await session.write('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await session.write('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return await work();
  } finally {
    await rollback(session);
  }
}

/** Only an error that says that the transaction was rolled back allows to repeat it: KILL QUERY, say, may come too late. */
async function commit(session: Session): Promise<void> {
  try {
    await session.write('COMMIT');
  } catch (raw) {
    if (!isOutcomeUnknown(raw)) throw raw;
    session.destroy();
    throw unknownOutcome('a COMMIT', raw as DatabaseError);
  }
}

/**
 * Runs `work` without a transaction around it: for work that writes by one statement alone. Repeats it when the server
 * says that the statement did nothing; an unknown error may have come after its implicit COMMIT (`isConnectionLost`).
 * @throws DatabaseError, or whatever `work` throws
 */
export async function repeated<T>(tries: number, work: () => Promise<T>): Promise<T> {
  try {
    return await again(tries, work, (error) => error.retry === 'transaction' && error.undone);
  } catch (error) {
    throw error instanceof DatabaseError && !error.undone ? unknownOutcome('a statement', error) : error;
  }
}

async function again<T>(tries: number, work: () => Promise<T>, may: (error: DatabaseError) => boolean): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const overtaken = error instanceof Overtaken;
      const most = overtaken ? OVERTAKEN_TRIES : tries;
      if (!(error instanceof DatabaseError && may(error) && attempt < most)) throw error;
      await pause(Math.random() * 50 * 2 ** (overtaken ? 0 : attempt));
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
