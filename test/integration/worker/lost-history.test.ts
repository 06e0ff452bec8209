// A new primary that lacks the last moments of the old one (docs/explain/what-afd-promises.md, "On a replicated database"): the rows of a task
// are put back to what they were, while its worker goes on.
import { once } from 'node:events';
import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, type TestWorker } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const taskRow = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(
    `SELECT attempt, status, cause, HEX(claim_token) AS token FROM ${db.names.assignment} WHERE task_id = ? ORDER BY id`,
    [id],
  );
const done = (id: number) => until(async () => (await taskRow(id)).status === 'done', 15_000, `task ${id} is done`);

/** What the surviving database has of a task; `bringBack` makes it all that there is. */
async function survived(id: number) {
  const tables = [
    ['id', db.names.task],
    ['task_id', db.names.assignment],
  ] as const;
  const saved = await Promise.all(
    tables.map(async ([key, table]) => {
      const columns = await session.rows(
        `SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COALESCE(GENERATION_EXPRESSION, '') = ''`,
        [table.replaceAll('`', '').split('.').at(-1)],
      );
      const names = columns.map((one) => `\`${one.name}\``).join(', ');
      const rows = await session.rows(`SELECT ${names} FROM ${table} WHERE ${key} = ?`, [id]);
      return { key, table, names, rows };
    }),
  );
  return async () => {
    await session.write('START TRANSACTION');
    for (const { key, table, names, rows } of saved) {
      await session.write(`DELETE FROM ${table} WHERE ${key} = ?`, [id]);
      for (const row of rows) {
        const marks = Object.values(row).map(() => '?');
        await session.write(`INSERT INTO ${table} (${names}) VALUES (${marks.join(', ')})`, Object.values(row));
      }
    }
    await session.write('COMMIT');
  };
}

/** A worker whose first execution of the task ends when it is told. */
function worker(deviceId: string) {
  const runs: Array<{ attempt: number; aborted: boolean }> = [];
  let end = () => {};
  const ending = new Promise<void>((resolve) => {
    end = resolve;
  });
  const one: TestWorker = startWorker(db, {
    deviceId,
    handlers: {
      async t(given, ctx) {
        const run = { attempt: given.attempt, aborted: false };
        runs.push(run);
        if (runs.length === 1) await Promise.race([ending, once(ctx.signal, 'abort').then(() => (run.aborted = true))]);
        return `run ${runs.length}`;
      },
    },
  });
  return { one, runs, end };
}

describe('a new primary', () => {
  it('that has the claim and not the completion: the attempt is released as unclaimed, and the task runs again', async () => {
    const id = await insertTask(session, db.names, { task_type: 't' });
    const { runs, end } = worker('w1');
    await until(() => runs.length === 1);
    await until(async () => (await taskRow(id)).status === 'running');
    const bringBack = await survived(id);
    end();
    await done(id);
    const [first] = await attempts(id);
    await bringBack();
    await until(() => runs.length === 2);
    await done(id);
    expect(await attempts(id)).toMatchObject([
      { attempt: 1, status: 'released', cause: 'unclaimed', token: first!.token },
      { status: 'completed' },
    ]);
  });

  it('that has no claim: its end is refused, the handler is aborted, and the task runs again', async () => {
    const id = await insertTask(session, db.names, { task_type: 't' });
    const bringBack = await survived(id);
    const { runs, one } = worker('w1');
    await until(() => runs.length === 1);
    await until(async () => (await attempts(id)).length === 1);
    const [lost] = await attempts(id);
    await bringBack();
    await until(() => runs.length === 2);
    await done(id);
    await until(() => runs[0]?.aborted === true);
    const surviving = await attempts(id);
    expect(surviving).toMatchObject([{ attempt: 1, status: 'completed' }]);
    expect(surviving[0]!.token).not.toBe(lost!.token);
    expect(one.seen.filter((event) => event.name === 'task:lost')).toHaveLength(1);
  });

  it('that has no claim, and a handler that ends before it hears of that: its end is refused', async () => {
    const id = await insertTask(session, db.names, { task_type: 't' });
    const bringBack = await survived(id);
    const { runs, end, one } = worker('w1');
    await until(() => runs.length === 1);
    await until(async () => (await attempts(id)).length === 1);
    await bringBack();
    end();
    await until(() => one.seen.some((event) => event.name === 'task:lost'));
    await done(id);
    expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'completed' }]);
    expect(runs.length).toBe(2);
  });

  it('that has neither claim nor completion: the task runs again, and has one completion', async () => {
    const id = await insertTask(session, db.names, { task_type: 't' });
    const bringBack = await survived(id);
    const { runs, end } = worker('w1');
    await until(() => runs.length === 1);
    end();
    await done(id);
    await bringBack();
    await until(() => runs.length === 2);
    await done(id);
    expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'completed' }]);
  });

  it('that gives the id of a lost task to another one: the end of the lost one is not taken for it', async () => {
    const id = await insertTask(session, db.names, { task_type: 't' });
    const { runs, end, one } = worker('w1');
    await until(() => runs.length === 1);
    await until(async () => (await attempts(id)).length === 1);
    await session.write(`DELETE FROM ${db.names.assignment} WHERE task_id = ?`, [id]);
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [id]);
    await insertTask(session, db.names, { id, task_type: 'another' });
    end();
    await until(() => one.seen.some((event) => event.name === 'task:lost'));
    expect(await taskRow(id)).toMatchObject({ status: 'pending', attempt: 0, task_type: 'another' });
    expect(await attempts(id)).toEqual([]);
  });
});
