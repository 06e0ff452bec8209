// A schema that was made by the design document's own DDL, with rows in every table, foreign keys, times in +08:00 and a
// producer that goes on writing plain SQL: after `afd migrate` everything that works on a fresh schema works on it.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DOCUMENT_ROWS, DOCUMENT_TABLES } from '../../db/migrations/document-tables.ts';
import { type OldDatabase, oldDatabase } from '../../db/migrations/old-table.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { until } from '../../helpers/wait.ts';

/**
 * Inserts as the old programs do, in a session that knows nothing of afd, until the test stops it. At most 50 times a
 * second: however long the migration takes on a busy machine, the leader soon closes what was written meanwhile.
 */
async function producer(db: OldDatabase) {
  const session = await db.session({ deadlineMs: 60_000 });
  let stopped = false;
  let written = 0;
  const loop = (async () => {
    while (!stopped) {
      await session.write("INSERT INTO af_crawl_task (task_type, username) VALUES ('app_data', 'meanwhile')");
      await session.write("INSERT INTO af_device_heartbeat (device_id, cpu_usage) VALUES ('worker-002', 12.5)");
      await session.write("INSERT INTO af_task_assignment (task_id, device_id) VALUES (8, 'worker-002')");
      written += 1;
      await pause(20);
    }
  })();
  loop.catch(() => {});
  await until(() => written > 3, PATIENCE_MS, 'rows of the producer');
  /** Fails if a statement of it did. */
  return async () => {
    stopped = true;
    await loop;
    return written;
  };
}

it("finding C: a fleet on the design document's own tables migrates next to a producer, runs, shows, rescues, prunes, and returns the tables", {
  timeout: 2 * MINUTES,
}, async (test) => {
  const db = await oldDatabase([...DOCUMENT_TABLES, ...DOCUMENT_ROWS], { task: 'af_crawl_task', zone: '+08:00' });
  test.onTestFinished(() => db.drop());
  const module = { module: './work.mjs' };
  const found = await fleet(test, db, {
    database: { time_zone: '+08:00' },
    handlers: { app_data: module, user_apps: module },
  });
  const ran = async (...args: string[]) => {
    const { code, stderr, stdout } = await found.run(...args);
    expect(code, `afd ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout;
  };
  const count = async (sql: string) => Number((await db.admin.rows(`SELECT COUNT(*) AS n FROM ${sql}`))[0]!.n);
  const counts = (sql: string, n: number) => until(async () => (await count(sql)) === n, PATIENCE_MS, `${n} in ${sql}`);

  const before = await producer(db);
  await ran('migrate');
  const rows = await before();
  const after = await producer(db);
  const all = rows + (await after());

  const first = found.start('worker', { deviceId: 'worker-001' });
  await first.event('leader:gained');
  // Four of T1, one that was done, and those of the producer.
  await counts("af_crawl_task WHERE status = 'done'", all + 5);
  // Rows of others: closed where they were open, and nothing else of them changed.
  const theirs = 'af_task_assignment WHERE attempt IS NULL';
  await counts(`${theirs} AND status IN ('assigned', 'running')`, 0);
  expect(await count(`${theirs} AND id > 3 AND status <> 'lost'`)).toBe(0);
  expect(await count("af_crawl_task WHERE id = 5 AND status = 'running'")).toBe(1);
  expect(await count("af_task_assignment WHERE id = 2 AND error_message = '上游拒绝'")).toBe(1);
  const shown = JSON.parse(await ran('tasks', 'show', '1', '--json'));
  expect(shown.assignments).toMatchObject([
    { attempt: null, status: 'lost' },
    { attempt: null, status: 'lost' },
    { attempt: 1, status: 'completed' },
  ]);

  // A worker dies under a task: the other one runs it.
  const second = found.start('worker', { deviceId: 'worker-002', args: ['--no-leader'] });
  await second.event('worker:started');
  const { insertId } = await db.admin.write(
    `INSERT INTO af_crawl_task (task_type, username, status, target_device_id, task_data)
       VALUES ('app_data', 'doomed', 'assigned', 'worker-002', '{"gate": "never-worker-002"}')`,
  );
  await second.event('task:started', (line) => line.task_id === insertId);
  await db.admin.write('UPDATE af_crawl_task SET target_device_id = NULL, task_data = NULL WHERE id = ?', [insertId]);
  second.kill('SIGKILL');
  await counts(`af_crawl_task WHERE id = ${insertId} AND status = 'done'`, 1);

  // The oldest heartbeat is 30 days old.
  await counts('af_device_heartbeat WHERE heartbeat_time < UTC_TIMESTAMP() - INTERVAL 7 DAY', 0);
  expect(found.complaints('error')).toEqual([]);
  first.kill('SIGTERM');
  await first.exit;
  await ran('migrate', 'down', '--force');
  const left = (await db.admin.rows('SHOW TABLES')).map((row) => Object.values(row)[0]);
  expect(left).toEqual(['af_crawl_task', 'af_device', 'af_device_heartbeat', 'af_task_assignment']);
});
