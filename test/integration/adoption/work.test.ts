// After the adoption: rows that plain SQL writes into a T1 table are claimed, run, retried and ended in the user's words.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { type OldDatabase, oldDatabase, T1, T1_COLUMNS, T1_ROWS } from '../../db/migrations/old-table.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: OldDatabase;
let user: Session;
beforeEach(async () => {
  // The name that a configuration has when it says nothing.
  const create = [T1, T1_ROWS].map((sql) => sql.replaceAll('af_crawl_tasks', 'af_crawl_task'));
  db = await oldDatabase(create, { task: 'af_crawl_task' });
  await db.migrate();
  user = await db.session();
});
afterEach(async () => {
  await stopWorkers();
  await db.drop();
});

const statusOf = async (username: string) =>
  (await user.rows('SELECT status, retry FROM af_crawl_task WHERE username = ?', [username]))[0];

describe('an adopted T1 table', () => {
  it('has its due rows run, and what was running, failed, done, without a status or due later stays as it was', async () => {
    const untouched = "NOT (status <=> 'pending' AND due_at <= NOW(3))";
    const before = await db.admin.rows(
      `SELECT ${T1_COLUMNS.join(', ')} FROM af_crawl_task WHERE ${untouched} ORDER BY id`,
    );
    expect(before).toHaveLength(5);
    const ran: string[] = [];
    const handler = async (task: { task_data: Record<string, unknown> }) => {
      ran.push(String(task.task_data.username));
    };
    const worker = startWorker(db, { handlers: { app_data: handler, user_apps: handler }, worker: { leader: true } });
    await until(async () => ran.length === 3, 10_000, 'three tasks');
    await until(() => worker.seen.some(({ name }) => name === 'leader:gained'), 10_000, 'a leader');
    // A round of its health check, seen by what it does to a row of afd's own; a row of others next to it stays.
    await db.admin.write(`INSERT INTO af_crawl_task (task_type, username, status, target_device_id) VALUES
      ('app_data', 'theirs', 'assigned', NULL), ('app_data', 'directed', 'assigned', 'gone')`);
    await until(async () => (await statusOf('directed'))?.status === 'done', 10_000, 'the return of a directed task');
    expect(await statusOf('theirs')).toEqual({ status: 'assigned', retry: 0 });
    await user.write(
      "INSERT INTO af_crawl_task VALUES (NULL, 'app_data', 'late', NULL, NULL, NULL, 0, 'pending', NOW(), NOW(), NOW())",
    );
    await until(async () => (await statusOf('late'))?.status === 'done', 10_000, 'the row that came later');
    expect(ran.sort()).toEqual(['anna', 'bob', 'bob', 'directed', 'late']);
    const ids = before.map((row) => row.id);
    expect(
      await db.admin.rows(`SELECT ${T1_COLUMNS.join(', ')} FROM af_crawl_task WHERE id IN (?) ORDER BY id`, [ids]),
    ).toEqual(before);
  });

  it('gets retry, failed and done written as its users know them', async () => {
    await user.write("INSERT INTO af_crawl_task (task_type, username) VALUES ('flaky', 'twice'), ('flaky', 'never')");
    const tries = new Map<string, number>();
    startWorker(db, {
      handlers: {
        async flaky({ task_data }: { task_data: Record<string, unknown> }) {
          const name = String(task_data.username);
          tries.set(name, (tries.get(name) ?? 0) + 1);
          if (name === 'never' || tries.get(name)! < 3) throw new Error('upstream says no');
        },
      },
    });
    await until(async () => (await statusOf('twice'))?.status === 'done', 20_000, 'success at the third try');
    expect(await statusOf('twice')).toEqual({ status: 'done', retry: 2 });
    await until(async () => (await statusOf('never'))?.status === 'failed', 20_000, 'the end of the budget');
    expect(await statusOf('never')).toEqual({ status: 'failed', retry: 4 });
    expect(tries.get('never')).toBe(4);
  });
});

it('a node that names no zone works in the one that was confirmed for the table', async () => {
  const create = [T1.replaceAll('af_crawl_tasks', 'af_crawl_task')];
  const east = await oldDatabase(create, { task: 'af_crawl_task', zone: '+08:00' });
  try {
    await east.migrate();
    const program = await east.session();
    const insert = "INSERT INTO af_crawl_task (task_type, username) VALUES ('app_data', 'anna')";
    const { insertId } = await program.write(insert);
    const worker = startWorker(east, { handlers: { app_data: async () => undefined } });
    const row = async () =>
      (
        await program.rows(
          `SELECT status, TIMESTAMPDIFF(SECOND, updated_at, NOW()) AS age FROM af_crawl_task WHERE id = ${insertId}`,
        )
      )[0]!;
    // In UTC it would be due in eight hours, and its end be written as eight hours ago.
    await until(async () => (await row()).status === 'done', 10_000, 'the task of the program');
    expect(Math.abs(Number((await row()).age))).toBeLessThan(60);
    expect(worker.seen).toContainEqual({
      name: 'settings:changed',
      data: { changes: [{ key: 'database.time_zone', from: '+00:00', to: '+08:00' }] },
    });
    expect(worker.context.resolved.origins['database.time_zone']).toBe('fleet');
    await worker.stop();
  } finally {
    await east.drop();
  }
});
