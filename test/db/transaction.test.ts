// What a lock that is not given does to a transaction: all of it is undone and repeated, never half of it kept.
import { expect } from 'vitest';
import { DatabaseError, Overtaken } from '../../src/core/db/database-error.ts';
import type { Session } from '../../src/core/db/session.ts';
import { repeated, transaction } from '../../src/core/db/transaction.ts';
import { db, it, names, session, useDatabase } from '../helpers/database-here.ts';
import { addTask } from '../helpers/rows-here.ts';
import { statementRuns } from '../helpers/running-statement.ts';

useDatabase();
let other: Session;
let ids: [number, number];

it.beforeEach(async () => {
  other = await db.session();
  await session.write('SET SESSION innodb_lock_wait_timeout = 1');
  ids = [await addTask(), await addTask()];
});

const add = (who: Session, id: number) => who.write(`UPDATE ${names.task} SET retry = retry + 1 WHERE id = ?`, [id]);
const retries = async () =>
  (await other.rows<{ retry: number }>(`SELECT retry FROM ${names.task} ORDER BY id`)).map((row) => row.retry);

it('a transaction that waits too long for a lock (1205) is repeated as a whole, and writes nothing when it is given up', async () => {
  await other.write('START TRANSACTION');
  await add(other, ids[1]);
  let runs = 0;
  const both = async () => {
    runs += 1;
    await add(session, ids[0]);
    if (runs === 3) await other.write('ROLLBACK');
    await add(session, ids[1]);
  };
  await expect(transaction(session, both, 1)).rejects.toMatchObject({ errno: 1205 });
  expect(await retries()).toEqual([0, 1]);
  await transaction(session, both);
  expect(runs).toBe(3);
  expect(await retries()).toEqual([1, 1]);
});

it('a transaction whose key another session has is undone and repeated, more often than after a deadlock', async () => {
  const duplicate = new DatabaseError('E_DATABASE', 'Duplicate entry', { errno: 1062, retry: 'final' });
  let runs = 0;
  await transaction(
    session,
    async () => {
      runs += 1;
      await add(session, ids[0]);
      if (runs < 9) throw new Overtaken(duplicate);
    },
    2,
  );
  expect(runs).toBe(9);
  expect(await retries()).toEqual([1, 0]);
  const never = transaction(session, () => Promise.reject(new Overtaken(duplicate)));
  await expect(never).rejects.toMatchObject({ code: 'E_TEMPORARY', retry: 'transaction' });
});

it('finding F9: KILL QUERY of a statement that waits for a lock repeats the whole transaction', async () => {
  await session.write('SET SESSION innodb_lock_wait_timeout = 30');
  await other.write('START TRANSACTION');
  await add(other, ids[1]);
  const killed = async () => {
    const killer = await db.session();
    await statementRuns(killer, 'UPDATE%');
    await killer.write(`KILL QUERY ${session.facts.connectionId}`);
    await other.write('ROLLBACK');
  };
  let ended: Promise<void> | undefined;
  let runs = 0;
  await transaction(session, async () => {
    runs += 1;
    await add(session, ids[0]);
    // Not before: the first UPDATE ends by itself, and a KILL that comes behind its end does nothing.
    ended ??= killed();
    await add(session, ids[1]);
  });
  await ended;
  expect(runs).toBe(2);
  expect(await retries()).toEqual([1, 1]);
});

it('an error that nobody knows is not repeated where it may have come after an implicit COMMIT', async () => {
  let runs = 0;
  const odd = new DatabaseError('E_TEMPORARY', 'odd', { errno: 9876, retry: 'transaction' });
  const once = repeated(5, async () => {
    runs += 1;
    throw odd;
  });
  await expect(once).rejects.toMatchObject({ retry: 'connection', errno: 9876, cause: odd });
  expect(runs).toBe(1);
});
