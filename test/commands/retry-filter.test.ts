import { expect } from 'vitest';
import TasksRetry from '../../src/commands/tasks/retry.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertRunning, insertTask, readRow } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const retry = async (...argv: string[]) => {
  const env = { AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' };
  const ran = await runCommand(TasksRetry, 'tasks:retry', [...argv, '--json'], env);
  return { ...ran, json: ran.json() as Record<string, unknown> & { error?: Record<string, unknown> } };
};
const add = (status: string, columns = {}) => insertTask(session, db.names, { status, attempt: 1, ...columns });
const status = async (id: number) => (await readRow(session, db.names.task, id))?.status;

it('C1 retries by status and type, each with a new budget, and leaves everything else alone', async () => {
  const ids = [await add('failed', { retry: 4 }), await add('failed', { retry: 4 })];
  const others = [
    await add('failed', { task_type: 'other' }),
    await add('cancelled'),
    await add('done'),
    (await insertRunning(session, db.names, 'w')).task_id,
  ];
  const before = await Promise.all(others.map(status));
  const { json, exitCode } = await retry('--status', 'failed', '--type', 'sync_data');
  expect(exitCode).toBe(0);
  expect(json).toEqual({ matched: 2, retried: 2, skipped: 0, dry_run: false, task_ids: ids, tasks: expect.any(Array) });
  expect(json.tasks).toEqual(ids.map((task_id: number) => expect.objectContaining({ task_id, status: 'pending' })));
  for (const id of ids) {
    expect(await readRow(session, db.names.task, id)).toMatchObject({ status: 'pending', retry: 0, attempt: 1 });
  }
  expect(await Promise.all(others.map(status))).toEqual(before);
  expect((await retry('--status', 'failed', '--type', 'sync_data')).json).toMatchObject({ matched: 0, retried: 0 });
});

it('--since is by the end of the task, by the database; a row of another program by its last change', async () => {
  const now = 'UTC_TIMESTAMP(3)';
  const [old, fresh, foreign] = [await add('failed'), await add('failed'), await add('failed')];
  await session.write(`UPDATE ${db.names.task} SET finished_at = ${now} - INTERVAL 3 HOUR WHERE id = ?`, [old]);
  await session.write(`UPDATE ${db.names.task} SET finished_at = ${now} - INTERVAL 1 HOUR WHERE id = ?`, [fresh]);
  await session.write(`UPDATE ${db.names.task} SET updated_at = NOW(3) - INTERVAL 1 HOUR WHERE id = ?`, [foreign]);
  const { json } = await retry('--status', 'failed', '--since', '2h', '--dry-run');
  expect(json).toEqual({ matched: 2, retried: 0, skipped: 0, dry_run: true, task_ids: [fresh, foreign], tasks: [] });
  expect(await status(fresh)).toBe('failed');
  expect((await retry('--status', 'failed', '--limit', '1', '--dry-run')).json.task_ids).toEqual([old]);
});

it('more than a hundred need --yes where nobody can be asked, and nothing was changed', async () => {
  const rows = Array.from({ length: 101 }, () => ['sync_data', 'cancelled', 1]);
  await session.write(`INSERT INTO ${db.names.task} (task_type, status, attempt) VALUES ?`, [rows]);
  const refused = await retry('--status', 'cancelled');
  expect(refused.exitCode).toBe(2);
  expect(refused.json.error).toMatchObject({
    data: { matched: 101 },
    suggestions: ['afd tasks retry --status cancelled --yes', 'afd tasks retry --status cancelled --dry-run'],
  });
  expect(await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task} WHERE status = 'pending'`)).toEqual([{ n: 0 }]);
  expect((await retry('--status', 'cancelled', '--yes')).json).toMatchObject({ retried: 101 });
});

it('ids and filter exclude each other, and one of them must be there', async () => {
  for (const argv of [
    [],
    ['5', '--status', 'failed'],
    ['--status', 'failed', '--force'],
    ['--type', 'a'],
    ['--status', 'done'],
  ]) {
    const { exitCode, json } = await retry(...argv);
    expect([exitCode, json.error?.code]).toEqual([2, 'E_USAGE']);
  }
});
