// A new primary that lacks the last moments of the old one (docs/explain/what-afd-promises.md, "On a replicated database"): the rows of a task
// are put back to what they were, while its worker goes on.
import { once as fired } from 'node:events';
import { describe, expect } from 'vitest';
import { until } from '../../helpers/wait.ts';
import { eventsOf, it, type Work } from '../../helpers/worked-tasks.ts';

/** What the surviving database has of a task; the function that is returned makes it all that there is. */
async function survived({ session, names }: Work, id: number) {
  const saved: Array<{ table: string; key: string; rows: Array<Record<string, unknown>> }> = [];
  for (const [key, table] of Object.entries({ id: names.task, task_id: names.assignment })) {
    const columns = await session.rows(
      `SELECT GROUP_CONCAT(CONCAT('\`', COLUMN_NAME, '\`')) AS names FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COALESCE(GENERATION_EXPRESSION, '') = ''`,
      [table.replaceAll('`', '').split('.').at(-1)],
    );
    const rows = await session.rows(`SELECT ${columns[0]!.names} FROM ${table} WHERE ${key} = ?`, [id]);
    saved.push({ table, key, rows });
  }
  return async () => {
    await session.write('START TRANSACTION');
    for (const { table, key, rows } of saved) {
      await session.write(`DELETE FROM ${table} WHERE ${key} = ?`, [id]);
      for (const row of rows) {
        const columns = Object.keys(row).map((name) => `\`${name}\``);
        const marks = columns.map(() => '?').join(', ');
        await session.write(`INSERT INTO ${table} (${columns}) VALUES (${marks})`, Object.values(row));
      }
    }
    await session.write('COMMIT');
  };
}

/** A worker whose first execution of the task ends when it is told; returns when that is in the database. */
async function running(work: Work, id: number) {
  const runs: Array<{ aborted: boolean }> = [];
  let end = () => {};
  const ending = new Promise<void>((resolve) => (end = resolve));
  const worker = work.start({
    handlers: {
      async t(_, ctx) {
        const run = { aborted: false };
        if (runs.push(run) > 1) return;
        await Promise.race([ending, fired(ctx.signal, 'abort').then(() => (run.aborted = true))]);
      },
    },
  });
  await until(async () => runs.length === 1 && (await work.attempts(id)).length === 1);
  return { worker, runs, end };
}

describe('a new primary', () => {
  it('that has the claim and not the completion: the attempt is released as unclaimed, and the task runs again', async ({
    work,
  }) => {
    const id = await work.add();
    const { runs, end } = await running(work, id);
    const bringBack = await survived(work, id);
    end();
    await work.ended(id);
    const [first] = await work.attempts(id);
    await bringBack();
    await until(() => runs.length === 2);
    await work.ended(id);
    expect(await work.attempts(id)).toMatchObject([
      { attempt: 1, status: 'released', cause: 'unclaimed', claim_token: first!.claim_token },
      { status: 'completed' },
    ]);
  });

  it('that has no claim: its end is refused, the handler is aborted, and the task runs again', async ({ work }) => {
    const id = await work.add();
    const bringBack = await survived(work, id);
    const { worker, runs } = await running(work, id);
    const [lost] = await work.attempts(id);
    await bringBack();
    await work.ended(id);
    await until(() => runs[0]?.aborted === true);
    const surviving = await work.attempts(id);
    expect(surviving).toMatchObject([{ attempt: 1, status: 'completed' }]);
    expect(surviving[0]!.claim_token).not.toEqual(lost!.claim_token);
    expect(eventsOf(worker, 'task:lost')).toHaveLength(1);
  });
});
