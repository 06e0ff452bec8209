// A big table is adopted while other programs go on writing and reading it. bench/adopt.mjs measures the same with a
// million rows; here it is shown at a size that a test run can afford (AFD_TEST_ADOPT_ROWS for another).
import { afterEach, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { type OldDatabase, oldDatabase, T1, T1_COLUMNS } from '../../db/migrations/old-table.ts';

const ROWS = Number(process.env.AFD_TEST_ADOPT_ROWS ?? 200_000);
/** A copy of the table would block its writers for as long as it takes; what remains is the wait for a metadata lock. */
const LONGEST_STALL_MS = 2000;

let db: OldDatabase;
afterEach(() => db.drop());

async function fill(): Promise<void> {
  await db.admin.write(`INSERT INTO af_crawl_tasks (task_type, username, app_id, retry, status) VALUES
    ('app_data', 'a', 'com.a', 0, 'done'), ('user_apps', 'b', NULL, 1, 'pending'), ('app_data', 'c', 'com.c', 3, 'failed'), ('app_data', 'd', 'com.d', 0, 'running')`);
  for (let rows = 4; rows < ROWS; rows *= 2) {
    await db.admin.write(
      `INSERT INTO af_crawl_tasks (task_type, username, app_id, retry, status, next_run_at)
       SELECT task_type, CONCAT(LEFT(username, 200), id), app_id, retry, status, next_run_at - INTERVAL id % 1000 MINUTE
       FROM af_crawl_tasks LIMIT ${Math.min(rows, ROWS - rows)}`,
    );
  }
}

/** One statement after the other until stopped; `stop` returns how long each took. */
async function loop(statement: (session: Session) => Promise<unknown>) {
  const session = await db.session({ deadlineMs: 30_000 });
  const took: number[] = [];
  let going = true;
  const run = async () => {
    while (going) {
      const begin = performance.now();
      await statement(session);
      took.push(performance.now() - begin);
    }
    return took;
  };
  const ended = run();
  // An error must end the test, not the process.
  ended.catch(() => {});
  return () => {
    going = false;
    return ended;
  };
}

it('is adopted while a writer and a reader go on: none fails, none waits for the index, no old row changes', {
  timeout: 180_000,
}, async () => {
  db = await oldDatabase([T1]);
  await fill();
  const count = async (sql: string) => Number((await db.admin.rows(sql))[0]?.n);
  const last = await count('SELECT MAX(id) AS n FROM af_crawl_tasks');
  const before = await db.digest(T1_COLUMNS, `id <= ${last}`);
  const insert =
    "INSERT INTO af_crawl_tasks VALUES (NULL, 'app_data', 'w', NULL, NULL, NULL, 0, 'pending', NOW(), NOW(), NOW())";
  const select = "SELECT * FROM af_crawl_tasks WHERE status = 'pending' ORDER BY next_run_at LIMIT 5";
  const [written, read] = [await loop((one) => one.write(insert)), await loop((one) => one.rows(select))];
  let begun = 0;
  let index = { sql: '', ms: 0 };
  await db.migrate({
    onStatement(sql, when) {
      if (when === 'before') begun = performance.now();
      else if (sql.startsWith('ALTER TABLE `af_crawl_tasks`')) index = { sql, ms: performance.now() - begun };
    },
  });
  const [writes, reads] = [await written(), await read()];
  const stall = Math.max(...writes, ...reads);
  // The index is built over all rows: if this took no time, nothing was shown.
  expect(index.sql).toContain('ADD KEY afd_claim');
  expect(index.ms).toBeGreaterThan(stall / 2);
  expect(stall).toBeLessThan(LONGEST_STALL_MS);
  expect(writes.length).toBeGreaterThan(20);
  expect(await db.digest(T1_COLUMNS, `id <= ${last}`)).toBe(before);
  const claimable = `SELECT COUNT(*) AS n FROM af_crawl_tasks FORCE INDEX (afd_claim) WHERE claim_state = 100000 AND lane IS NOT NULL AND id > ${last}`;
  expect(await count(claimable)).toBe(writes.length);
});
