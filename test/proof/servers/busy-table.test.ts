// A big table is adopted while other programs go on writing and reading it. bench/adopt.mjs measures the same with a
// million rows; here it is shown at a size that a test run can afford (AFD_TEST_ADOPT_ROWS for another).
import { afterEach, expect, it } from 'vitest';
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

/** One statement after the other until stopped. */
async function loop(statement: (session: Awaited<ReturnType<OldDatabase['session']>>, n: number) => Promise<unknown>) {
  const session = await db.session({ deadlineMs: 30_000 });
  const took: number[] = [];
  let going = true;
  const ended = (async () => {
    while (going) {
      const begin = performance.now();
      await statement(session, took.length);
      took.push(performance.now() - begin);
    }
  })();
  // An error must end the test, not the process.
  ended.catch(() => {});
  return {
    took,
    async stop() {
      going = false;
      await ended;
      return Math.max(...took);
    },
  };
}

it('is adopted while a writer and a reader go on: none fails, none waits for the index, no old row changes', {
  timeout: 180_000,
}, async () => {
  db = await oldDatabase([T1]);
  await fill();
  const [{ last } = { last: 0 }] = await db.admin.rows<{ last: number }>('SELECT MAX(id) AS last FROM af_crawl_tasks');
  const before = await db.digest(T1_COLUMNS, `id <= ${last}`);
  const writer = await loop((session, n) =>
    session.write(
      "INSERT INTO af_crawl_tasks VALUES (NULL, 'app_data', ?, NULL, NULL, NULL, 0, 'pending', NOW(), NOW(), NOW())",
      [`w${n}`],
    ),
  );
  const reader = await loop((session) =>
    session.rows("SELECT * FROM af_crawl_tasks WHERE status = 'pending' ORDER BY next_run_at LIMIT 5"),
  );
  const times: Array<{ sql: string; ms: number }> = [];
  let begun = 0;
  await db.migrate({
    onStatement(sql, when) {
      if (when === 'before') begun = performance.now();
      else if (sql.startsWith('ALTER TABLE `af_crawl_tasks`')) times.push({ sql, ms: performance.now() - begun });
    },
  });
  const stalls = [await writer.stop(), await reader.stop()];
  // The index is built over all rows: if this took no time, nothing was shown.
  const index = times.at(-1)!;
  expect(index.sql).toContain('ADD KEY afd_claim');
  expect(index.ms).toBeGreaterThan(Math.max(...stalls) / 2);
  expect(Math.max(...stalls)).toBeLessThan(LONGEST_STALL_MS);
  expect(writer.took.length).toBeGreaterThan(20);
  expect(await db.digest(T1_COLUMNS, `id <= ${last}`)).toBe(before);
  const [{ n } = { n: 0 }] = await db.admin.rows<{ n: number }>(
    `SELECT COUNT(*) AS n FROM af_crawl_tasks FORCE INDEX (afd_claim) WHERE claim_state = 100000 AND lane IS NOT NULL AND id > ${last}`,
  );
  expect(n).toBe(writer.took.length);
});
