// What a lock that is not given does to a transaction: all of it is undone and repeated, never half of it kept.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import { transaction } from '../../src/core/db/transaction.ts';
import { type TestDatabase, testDatabase } from '../helpers/database.ts';
import { insertTask } from '../helpers/factories.ts';

let db: TestDatabase;
let session: Session;
let other: Session;
let ids: [number, number];

beforeEach(async () => {
  db = await testDatabase();
  [session, other] = await Promise.all([db.session(), db.session()]);
  await session.write('SET SESSION innodb_lock_wait_timeout = 1');
  ids = [await insertTask(session, db.names), await insertTask(session, db.names)];
});
afterEach(() => db.close());

const add = (who: Session, id: number) => who.write(`UPDATE ${db.names.task} SET retry = retry + 1 WHERE id = ?`, [id]);
const retries = async () =>
  (await other.rows<{ retry: number }>(`SELECT retry FROM ${db.names.task} ORDER BY id`)).map((row) => row.retry);

describe('a transaction that waits too long for a lock (1205)', () => {
  it('writes nothing when it is given up', async () => {
    await other.write('START TRANSACTION');
    await add(other, ids[1]);
    const twice = transaction(
      session,
      async () => {
        await add(session, ids[0]);
        await add(session, ids[1]);
      },
      1,
    );
    await expect(twice).rejects.toMatchObject({ errno: 1205 });
    await other.write('ROLLBACK');
    expect(await retries()).toEqual([0, 0]);
  });

  it('is repeated as a whole', async () => {
    await other.write('START TRANSACTION');
    await add(other, ids[1]);
    let runs = 0;
    await transaction(session, async () => {
      runs += 1;
      await add(session, ids[0]);
      if (runs === 2) await other.write('ROLLBACK');
      await add(session, ids[1]);
    });
    expect(runs).toBe(2);
    expect(await retries()).toEqual([1, 1]);
  });
});

it('a transaction that is the victim of a deadlock (1213) is repeated as a whole', async () => {
  await other.write('START TRANSACTION');
  // Heavier, so that the server gives up the other one.
  for (let n = 0; n < 20; n += 1) await insertTask(other, db.names);
  await add(other, ids[1]);
  let runs = 0;
  let crossing: Promise<unknown> | undefined;
  await transaction(session, async () => {
    runs += 1;
    await add(session, ids[0]);
    crossing ??= add(other, ids[0]).then(() => other.write('ROLLBACK'));
    await add(session, ids[1]);
  });
  await crossing;
  expect(runs).toBe(2);
  expect((await retries()).slice(0, 2)).toEqual([1, 1]);
});
