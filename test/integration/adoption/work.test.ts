// After the adoption: rows that plain SQL writes into a T1 table are claimed, run, retried and ended in the user's words.
import { afterEach, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { type OldDatabase, oldDatabase, T1, T1_COLUMNS, T1_ROWS } from '../../db/migrations/old-table.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: OldDatabase;
let user: Session;

async function adopted(create: string[], zone?: string): Promise<void> {
  // The name that a configuration has when it says nothing.
  const named = create.map((sql) => sql.replaceAll('af_crawl_tasks', 'af_crawl_task'));
  db = await oldDatabase(named, { task: 'af_crawl_task', ...(zone === undefined ? {} : { zone }) });
  await db.migrate();
  user = await db.session();
}
afterEach(async () => {
  await stopWorkers();
  await db.drop();
});

const taskOf = async (username: string) =>
  (
    await user.rows(
      'SELECT status, retry, TIMESTAMPDIFF(SECOND, updated_at, NOW()) AS age FROM af_crawl_task WHERE username = ?',
      [username],
    )
  )[0]!;
const ended = (username: string, status: string) =>
  until(async () => (await taskOf(username)).status === status, 20_000, `${username} ${status}`);

it('an adopted T1 table has its due rows run, and what was running, failed, done, without a status or due later stays as it was', async () => {
  await adopted([T1, T1_ROWS]);
  const columns = T1_COLUMNS.join(', ');
  const before = await db.admin.rows(
    `SELECT ${columns} FROM af_crawl_task WHERE NOT (status <=> 'pending' AND due_at <= NOW(3)) ORDER BY id`,
  );
  expect(before).toHaveLength(5);
  const ran: string[] = [];
  const handler = async (task: { task_data: Record<string, unknown> }) => {
    ran.push(String(task.task_data.username));
  };
  const fails = async () => {
    throw new Error('upstream says no');
  };
  const handlers = { app_data: handler, user_apps: handler, fails };
  startWorker(db, { handlers, worker: { leader: true } });
  // A round of the leader, seen by what it does to a row of afd's own; a row of others next to it stays.
  await db.admin.write(`INSERT INTO af_crawl_task (task_type, username, status, target_device_id) VALUES
    ('app_data', 'theirs', 'assigned', NULL), ('app_data', 'directed', 'assigned', 'gone')`);
  await ended('directed', 'done');
  expect(await taskOf('theirs')).toMatchObject({ status: 'assigned', retry: 0 });
  await user.write(
    "INSERT INTO af_crawl_task VALUES (NULL, 'app_data', 'late', NULL, NULL, NULL, 0, 'pending', NOW(), NOW(), NOW())",
  );
  await user.write("INSERT INTO af_crawl_task (task_type, username) VALUES ('fails', 'never')");
  await ended('late', 'done');
  await ended('never', 'failed');
  expect((await taskOf('never')).retry).toBe(4);
  expect(ran.sort()).toEqual(['anna', 'bob', 'bob', 'directed', 'late']);
  const ids = before.map((row) => row.id);
  const after = await db.admin.rows(`SELECT ${columns} FROM af_crawl_task WHERE id IN (?) ORDER BY id`, [ids]);
  expect(after).toEqual(before);
});

it('a node that names no zone works in the one that was confirmed for the table', async () => {
  await adopted([T1], '+08:00');
  await user.write("INSERT INTO af_crawl_task (task_type, username) VALUES ('app_data', 'anna')");
  const worker = startWorker(db, { handlers: { app_data: async () => undefined } });
  // In UTC it would be due in eight hours, and its end be written as eight hours ago.
  await ended('anna', 'done');
  expect(Math.abs(Number((await taskOf('anna')).age))).toBeLessThan(60);
  expect(worker.seen).toContainEqual({
    name: 'settings:changed',
    data: { changes: [{ key: 'database.time_zone', from: '+00:00', to: '+08:00' }] },
  });
  expect(worker.context.resolved.origins['database.time_zone']).toBe('fleet');
});
