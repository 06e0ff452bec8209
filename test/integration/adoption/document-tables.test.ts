// A schema that was made by the design document's own DDL, with rows in every table, foreign keys, times in +08:00 and a
// producer that goes on writing plain SQL: after `afd migrate` everything that works on a fresh schema works on it.
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { DOCUMENT_ROWS, DOCUMENT_TABLES } from '../../db/migrations/document-tables.ts';
import { type OldDatabase, oldDatabase } from '../../db/migrations/old-table.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { until } from '../../helpers/wait.ts';

let db: OldDatabase;
afterEach(() => db.drop());

/**
 * Inserts as the old programs do, in a session that knows nothing of afd, until the test stops it. At most 50 times a
 * second: however long the migration takes on a busy machine, the leader soon closes what was written meanwhile.
 */
async function producer() {
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
  return {
    written: () => written,
    /** Fails if a statement of it did. */
    async stop() {
      stopped = true;
      await loop;
      return written;
    },
  };
}

describe("finding C: a fleet on the design document's own tables", () => {
  it('migrates next to a producer, runs, shows, rescues, prunes, and returns the tables', {
    timeout: 2 * MINUTES,
  }, async (test) => {
    db = await oldDatabase([...DOCUMENT_TABLES, ...DOCUMENT_ROWS], { task: 'af_crawl_task', zone: '+08:00' });
    const module = { module: './work.mjs' };
    const found = await fleet(test, db, {
      database: { time_zone: '+08:00' },
      handlers: { app_data: module, user_apps: module },
    });
    const json = async (...args: string[]) => {
      const ran = await found.run(...args, '--json');
      expect(ran.code, `afd ${args.join(' ')}: ${ran.stderr}`).toBe(0);
      return JSON.parse(ran.stdout);
    };

    const dry = await found.run('migrate', '--dry-run');
    expect(dry.stdout).toContain('The table af_task_assignment exists and was not created by afd: 6 rows.');
    expect(dry.stdout).toContain('DROP FOREIGN KEY `af_task_assignment_ibfk_1`;');
    expect(dry.stdout).toContain('ALGORITHM=COPY, LOCK=SHARED;');
    const before = await producer();
    await until(() => before.written() > 3, PATIENCE_MS, 'rows of the producer');
    await json('migrate');
    const rows = await before.stop();
    expect(rows).toBeGreaterThan(3);
    const after = await producer();
    await until(() => after.written() > 3, PATIENCE_MS, 'rows of the producer after the adoption');
    const all = rows + (await after.stop());

    const first = found.start('worker', { deviceId: 'worker-001' });
    await first.event('leader:gained');
    await until(
      async () =>
        (await db.admin.rows("SELECT COUNT(*) AS n FROM af_crawl_task WHERE status = 'done'"))[0]?.n === all + 5,
      PATIENCE_MS,
      'all pending tasks done (four of T1, one that was done, and those of the producer)',
    );
    // Rows of others: closed where they were open, and nothing else of them changed.
    await until(
      async () =>
        (
          await db.admin.rows(
            "SELECT COUNT(*) AS n FROM af_task_assignment WHERE attempt IS NULL AND status IN ('assigned', 'running')",
          )
        )[0]?.n === 0,
      PATIENCE_MS,
      'the end of the open assignments of others',
    );
    const closed = await db.admin.rows(
      `SELECT DISTINCT status FROM af_task_assignment WHERE attempt IS NULL AND id > 3 ORDER BY status`,
    );
    expect(closed).toEqual([{ status: 'lost' }]);
    expect((await db.admin.rows('SELECT status FROM af_crawl_task WHERE id = 5'))[0]?.status).toBe('running');
    expect((await db.admin.rows('SELECT error_message FROM af_task_assignment WHERE id = 2'))[0]?.error_message).toBe(
      '上游拒绝',
    );

    const { devices } = await json('devices', 'ls');
    const status = Object.fromEntries(
      (devices as Array<{ device_id: string; status: string }>).map((one) => [one.device_id, one.status]),
    );
    expect(status).toMatchObject({ 'worker-001': 'online', 'worker-002': 'offline', 'master-001': 'offline' });
    const shown = await json('tasks', 'show', '1');
    expect(
      shown.assignments.map((one: { attempt: number | null; status: string }) => [one.attempt, one.status]),
    ).toEqual([
      [null, 'lost'],
      [null, 'lost'],
      [1, 'completed'],
    ]);
    expect((await found.run('tasks', 'show', '1')).code).toBe(0);

    // A worker dies under a task: the other one runs it.
    const second = found.start('worker', { deviceId: 'worker-002', args: ['--no-leader'] });
    await second.event('worker:started');
    const task = await db.admin.write(
      `INSERT INTO af_crawl_task (task_type, username, status, target_device_id, task_data)
         VALUES ('app_data', 'doomed', 'assigned', 'worker-002', '{"gate": "never-worker-002"}')`,
    );
    await second.event('task:started', (line) => line.task_id === task.insertId);
    await db.admin.write('UPDATE af_crawl_task SET target_device_id = NULL, task_data = NULL WHERE id = ?', [
      task.insertId,
    ]);
    second.kill('SIGKILL');
    await until(
      async () =>
        (await db.admin.rows('SELECT status FROM af_crawl_task WHERE id = ?', [task.insertId]))[0]?.status === 'done',
      PATIENCE_MS,
      'the rescued task',
    );
    const attempts = await db.admin.rows(
      'SELECT attempt, device_id, status FROM af_task_assignment WHERE task_id = ? ORDER BY attempt',
      [task.insertId],
    );
    expect(attempts).toEqual([
      { attempt: 1, device_id: 'worker-002', status: 'lost' },
      { attempt: 2, device_id: 'worker-001', status: 'completed' },
    ]);

    // The oldest heartbeat is 30 days old.
    await until(
      async () =>
        (
          await db.admin.rows(
            'SELECT COUNT(*) AS n FROM af_device_heartbeat WHERE heartbeat_time < UTC_TIMESTAMP() - INTERVAL 7 DAY',
          )
        )[0]?.n === 0,
      PATIENCE_MS,
      'the end of old heartbeats',
    );
    expect(found.complaints('error')).toEqual([]);
    first.kill('SIGTERM');
    await first.exit;
    const down = await found.run('migrate', 'down', '--force');
    expect(down.code, down.stderr).toBe(0);
    const left = (await db.admin.rows('SHOW TABLES')).map((row) => Object.values(row)[0]);
    expect(left).toEqual(['af_crawl_task', 'af_device', 'af_device_heartbeat', 'af_task_assignment']);
    const [columns] = await db.admin.rows('SELECT * FROM af_task_assignment LIMIT 1');
    expect(Object.keys(columns ?? {})).toHaveLength(11);
  });
});
