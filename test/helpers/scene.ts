// A fleet with a schema of its own, and what tests ask about it.
import type { TestContext } from 'vitest';
import { type TestDatabase, testDatabase } from './database.ts';
import { insertTask } from './factories.ts';
import { type FleetOptions, fleet } from './fleet.ts';
import { PATIENCE_MS } from './fleet-process.ts';
import type { LedgerLine } from './ledger.ts';
import { until } from './wait.ts';

export interface Attempt {
  id: number;
  attempt: number;
  device_id: string;
  status: string;
  cause: string | null;
}

export type Scene = Awaited<ReturnType<typeof scene>>;

/** `purpose` names the schema: tests that run at the same time need different ones. */
export async function scene(
  test: Pick<TestContext, 'onTestFinished' | 'onTestFailed'>,
  purpose: string | TestDatabase,
  options: FleetOptions = {},
) {
  const db = typeof purpose === 'string' ? await testDatabase(purpose) : purpose;
  test.onTestFinished(() => db.close());
  const session = await db.session();
  const { task, assignment } = db.names;
  const found = await fleet(test, db, options);
  const attempts = (id: number) =>
    session.rows<Attempt>(
      `SELECT id, attempt, device_id, status, cause FROM ${assignment} WHERE task_id = ? ORDER BY attempt`,
      [id],
    );
  return {
    ...found,
    db,
    session,
    /** Adds a `work` task with this payload. Returns its id. */
    add: (task_data: Record<string, unknown> = {}, columns: Record<string, unknown> = {}) =>
      insertTask(session, db.names, { task_type: 'work', task_data: JSON.stringify(task_data), ...columns }),
    attempts,
    /** Returns when all of these tasks have that status. */
    async ended(ids: number[], status = 'done') {
      // Counted, so that a row that is gone has not ended.
      const sql = `SELECT COUNT(*) AS n FROM ${task} WHERE id IN (?) AND status = ?`;
      const all = async () => Number((await session.rows(sql, [ids, status]))[0]?.n) === new Set(ids).size;
      await until(all, PATIENCE_MS, `${status} of the tasks`);
    },
    /** Returns when the ledger has that line. */
    async noted(line: Partial<LedgerLine>) {
      const is = (one: LedgerLine) =>
        Object.entries(line).every(([key, value]) => one[key as keyof LedgerLine] === value);
      const noted = async () => (await found.ledger()).find(is);
      return until(noted, PATIENCE_MS, `${JSON.stringify(line)} in the ledger`);
    },
    /**
     * What is wrong with these tasks, empty when each is done by exactly one completed attempt, the last of 1, 2, 3 …, and
     * none is open.
     */
    async wrongs(ids: number[]) {
      const wrong: string[] = [];
      const rows = await session.rows(`SELECT id, status, attempt FROM ${task} WHERE id IN (?)`, [ids]);
      if (rows.length !== ids.length) wrong.push(`${ids.length - rows.length} tasks are missing`);
      const all = await session.rows<Attempt & { task_id: number }>(
        `SELECT task_id, attempt, device_id, status, cause FROM ${assignment} WHERE task_id IN (?) ORDER BY task_id, attempt`,
        [ids],
      );
      for (const row of rows) {
        const own = all.filter((one) => one.task_id === row.id);
        const story = own.map((one) => `${one.attempt}:${one.status}`).join(' ');
        const numbered = own.every((one, n) => one.attempt === n + 1) && row.attempt === own.length;
        const completed = own.filter((one) => one.status === 'completed').length;
        const open = own.some((one) => one.status === 'assigned' || one.status === 'running');
        const good =
          row.status === 'done' && numbered && completed === 1 && own.at(-1)?.status === 'completed' && !open;
        if (!good) wrong.push(`task ${row.id} is ${row.status} after ${story}`);
      }
      return wrong;
    },
  };
}
