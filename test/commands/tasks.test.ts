import { tmpdir } from 'node:os';
import { describe, expect } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertRunning, insertTask, insertWorker, readRow } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';

let database: TestDatabase;
let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db: database, session } = given);
  names = database.names;
});

/** `afd tasks …` on the test's database, in a folder without a configuration. */
const tasks = (...args: (string | number)[]) => afd('tasks', ...args);
const afd = (...args: (string | number)[]) =>
  runCommand(args.map(String), { cwd: tmpdir(), env: { AFD_DATABASE_URL: database.url } });
const json = async (...args: (string | number)[]) => {
  const run = await tasks(...args, '--json');
  return { ...run, json: JSON.parse(run.stdout) };
};

describe('afd tasks add', () => {
  it('prints the id and nothing else; E2 a time is that of the database', async () => {
    const run = await tasks(
      ...['add', '--type', 'sync_apps', '--data', '{"n":1}', '--username', 'user@example.com'],
      ...['--app-id', 'com.example.app', '--start-date', '2024-01-01', '--end-date', '2024-01-02'],
      ...['--priority', '10', '--requires', '{"proxy_support":true}', '--dedupe-key', 'k'],
      ...['--run-at', '2037-01-01T08:00:00+08:00'],
    );
    expect(run).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\n$/), stderr: '' });
    expect(await readRow(session, names.task, Number(run.stdout))).toMatchObject({
      ...{ task_type: 'sync_apps', username: 'user@example.com', app_id: 'com.example.app', priority: 10 },
      ...{ start_date: '2024-01-01', end_date: '2024-01-02', max_retry_count: 3, dedupe_key: 'k', status: 'pending' },
      next_run_at: '2037-01-01 00:00:00.000',
    });
    const later = await json('add', '--type', 'a', '--run-at', '2h');
    const [row] = await session.rows(
      `SELECT TIMESTAMPDIFF(SECOND, NOW(), next_run_at) BETWEEN 7100 AND 7200 AS soon FROM ${names.task} WHERE id = ?`,
      [later.json.task_id],
    );
    expect(row).toEqual({ soon: 1 });
  });

  it("B8 with a key that is there prints that task's id, says so, and adds nothing", async () => {
    const first = await json('add', '--type', 'a', '--dedupe-key', 'k');
    expect(first.json).toEqual({ task_id: expect.any(Number), created: true, batch_id: null, warnings: [] });
    const second = await tasks('add', '--type', 'a', '--dedupe-key', 'k');
    expect(second).toMatchObject({ code: 0, stdout: `${first.json.task_id}\n` });
    expect(second.stderr).toContain('already has this dedupe key');
    expect((await json('add', '--type', 'a', '--dedupe-key', 'k')).json).toEqual({ ...first.json, created: false });
    expect(await session.rows(`SELECT COUNT(*) AS n FROM ${names.task}`)).toEqual([{ n: 1 }]);
  });

  it('finding B11: warns of a type that no device handles, of dates the wrong way round, of a time in the past', async () => {
    const odd = ['add', '--type', 'sync_aps', '--start-date', '2024-01-05', '--end-date', '2024-01-01'];
    // Before the first worker nobody can say which types there are.
    expect((await json(...odd)).json.warnings).toEqual(['end_date 2024-01-01 is before start_date 2024-01-05']);
    await insertWorker(session, names, 'away', { capabilities: '{"supported_tasks":["sync_apps"]}' });
    expect(await tasks(...odd, '--run-at', '2024-01-01')).toMatchObject({
      code: 0,
      stderr:
        'Warning: no device handles the task type "sync_aps"; did you mean "sync_apps"? (the task stays pending until a device does)\n' +
        'Warning: end_date 2024-01-01 is before start_date 2024-01-05\n' +
        'Warning: run_at 2024-01-01T00:00:00.000Z is in the past, so the task is due now\n',
    });
  });

  it.each([
    [['--type', 'a', '--data', '{n:1}'], /is not JSON/],
    [['--type', 'a', '--start-date', '2024-02-30'], /Error: --start-date must be a date "YYYY-MM-DD"\. \[E_USAGE\]/],
    [['--type', 'a', '--run-at', 'soon'], /is not a time/],
    [[], /Error: --type is missing\. \[E_USAGE\]/],
  ])('refuses %j as a usage error with a command to try', async (args, why) => {
    const run = await tasks('add', ...args);
    expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(why) });
    expect(run.stderr).toContain('Try: afd tasks add');
  });
});

describe('afd tasks ls', () => {
  it('lists and filters, on a line for each', async () => {
    await insertTask(session, names, { task_type: 'a_rather_long_type_of_task', target_device_id: 'w'.repeat(60) });
    const { task_id } = await insertRunning(session, names, 'worker-001');
    expect((await json('ls')).json.tasks).toHaveLength(2);
    const running = await json('ls', '--status', 'running', '--device', 'worker-001', '--type', 'sync_data');
    expect(running.json.tasks).toMatchObject([{ task_id, status: 'running', device_id: 'worker-001' }]);
    expect((await json('ls', '--limit', 1)).json.tasks).toHaveLength(1);
    const { stdout } = await tasks('ls', '--status', 'running');
    expect(stdout).toMatch(
      new RegExp(`^ *TASK +TYPE +STATUS .*\n *${task_id} +sync_data +running +5 +1 +worker-001 +since 20`),
    );
  });

  it('finding B11: a device is named by the beginning of its id; one that is not there is exit 3', async () => {
    for (const id of ['worker-001', 'other-002']) await insertWorker(session, names, id);
    const { task_id } = await insertRunning(session, names, 'other-002');
    for (const id of ['other-002', 'OTHER'])
      expect((await json('ls', '--device', id)).json.tasks).toMatchObject([{ task_id }]);
    const error = { code: 'E_NOT_FOUND', suggestions: ['afd tasks ls --device worker-001'] };
    expect(await json('ls', '--device', 'worker-03')).toMatchObject({ code: 3, json: { error } });
    expect(await tasks('ls', '--device', 'worker-001')).toMatchObject({ code: 0, stdout: 'No matching tasks.\n' });
    // Its tasks are found although its row has gone.
    await session.write(`DELETE FROM ${names.device} WHERE device_id = 'other-002'`);
    expect((await json('ls', '--device', 'other-002')).json.tasks).toMatchObject([{ task_id }]);
  });

  it('finding B11: says of an ended task which device ran it last', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-001');
    for (const [task, attempt, device_id] of [
      ['done', 'completed', 'worker-001'],
      ['failed', 'failed', 'worker-001'],
      ['cancelled', 'cancelled', 'worker-001'],
      ['pending', 'failed', null],
    ] as const) {
      await session.write(`UPDATE ${names.task} SET status = ?, claim_token = NULL WHERE id = ?`, [task, task_id]);
      await session.write(`UPDATE ${names.assignment} SET status = ? WHERE id = ?`, [attempt, assignment_id]);
      expect((await json('ls')).json.tasks).toMatchObject([{ task_id, device_id }]);
      expect((await json('show', task_id)).json).toMatchObject({ task_id, device_id });
    }
  });

  it('G1 an empty list is exit 0, a lost database is not an empty list', async () => {
    expect(await json('ls')).toMatchObject({ code: 0, json: { tasks: [] } });
    const env = { AFD_DATABASE_URL: 'mysql://afd@127.0.0.1:1/afd' };
    const run = await runCommand(['tasks', 'ls', '--json'], { cwd: tmpdir(), env });
    expect([run.code, JSON.parse(run.stdout)]).toMatchObject([69, { error: { code: 'E_DATABASE' } }]);
  });

  it('refuses a status that does not exist', async () => {
    const stderr = expect.stringContaining('Try: afd tasks ls --status running');
    expect(await tasks('ls', '--status', 'runing')).toMatchObject({ code: 2, stderr });
  });
});

describe('afd tasks show', () => {
  it('shows the task, its payload and every attempt', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-001', { username: 'user@example.com' });
    expect((await json('show', task_id)).json).toMatchObject({
      ...{ task_id, task_type: 'sync_data', status: 'running', device_id: 'worker-001' },
      payload: { username: 'user@example.com' },
      assignments: [{ attempt: 1, device_id: 'worker-001', status: 'running' }],
    });
    const { stdout } = await tasks('show', task_id);
    expect(stdout).toContain('{"username":"user@example.com"}');
    expect(stdout).toMatch(/1 +worker-001 +running/);
  });

  it('is exit 3 for a task that is not there, 2 for what is no id', async () => {
    expect(await json('show', 999_999)).toMatchObject({ code: 3, json: { error: { code: 'E_NOT_FOUND' } } });
    for (const id of ['abc', '1.5', '99999999999999999999']) expect((await tasks('show', id)).code).toBe(2);
  });

  it('--result prints only what the last completed attempt returned, or the given one, as it is stored', async () => {
    const device = await insertDevice(session, names, { device_id: 'w' });
    const completed = (n: number) => ({
      ...{ status: 'completed', attempt: n },
      // In the order in which MySQL stores keys.
      result: `{"n":${n},"big":12345678901234567890}`,
    });
    const { task_id } = await insertAttempt(session, names, { device, columns: completed(1) });
    for (const columns of [completed(2), { status: 'failed', attempt: 3 }])
      await insertAttempt(session, names, { device, task_id, columns });
    const shown = await tasks('show', task_id, '--result');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout.replaceAll(' ', '')).toMatch(/^\{"n":2,"big":1234567890123456789\d?(e19|\d)?.*\}\n$/);
    expect((await json('show', task_id, '--result', '--attempt', 1)).json).toMatchObject({ n: 1 });
  });

  it('--result is exit 3 with the reason when there is none', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-001');
    for (const [args, said] of [
      [[task_id], `Task ${task_id} has no result: no attempt of it has completed with one; it is running.`],
      [[task_id, '--attempt', 1], 'attempt 1 is running'],
      [[task_id, '--attempt', 9], 'attempt 9 does not exist'],
      [[999_999], 'There is no task 999999.'],
    ] as const) {
      const none = await tasks('show', ...args, '--result');
      expect(none).toEqual({ code: 3, stdout: '', stderr: expect.stringContaining(said) });
    }
  });
});

describe('afd tasks cancel', () => {
  it('says of a running task that its end was asked for', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-001');
    const run = await json('cancel', task_id);
    expect(run).toMatchObject({ code: 0, json: { task_id, status: 'running', revoking: true } });
    expect((await tasks('cancel', task_id)).stdout).toContain('worker-001 was already asked to abort');
    expect((await json('cancel', task_id, '--force')).json).toMatchObject({ status: 'cancelled', revoking: false });
    expect((await tasks('cancel', task_id)).stdout).toContain('was already cancelled');
  });

  it('of several tasks does what can be done, names the others, and is exit 6', async () => {
    const [pending, done] = [await insertTask(session, names), await insertTask(session, names, { status: 'done' })];
    const run = await json('cancel', pending, done, 999_999);
    expect([run.code, run.json.error]).toMatchObject([
      6,
      {
        code: 'E_PARTIAL',
        data: {
          tasks: [{ task_id: pending, status: 'cancelled' }],
          failed: [
            { task_id: done, code: 'E_CONFLICT' },
            { task_id: 999_999, code: 'E_NOT_FOUND' },
          ],
        },
      },
    ]);
    const text = await tasks('cancel', pending, done);
    expect(text).toMatchObject({ code: 6, stdout: `Task ${pending} was already cancelled.\n` });
    expect(text.stderr).toContain(`Task ${done} is done`);
    expect((await tasks('cancel', done)).code).toBe(5);
  });
});

describe('afd tasks reassign', () => {
  it('A15 moves a task, also as afd reassign', async () => {
    await insertWorker(session, names, 'worker-002');
    const { task_id } = await insertRunning(session, names, 'worker-001');
    const stdout = expect.stringContaining('Asked device worker-001 to release');
    expect(await tasks('reassign', task_id, '--to', 'worker-002')).toMatchObject({ code: 0, stderr: '', stdout });
    const forced = await afd('reassign', task_id, '--to', 'worker-002', '--force', '--json');
    expect(JSON.parse(forced.stdout)).toMatchObject({ task_id, status: 'assigned', target_device_id: 'worker-002' });
    expect((await afd('reassign', task_id)).stdout).toContain('any device may claim it');
    expect((await tasks('reassign', task_id, '--to', 'nobody')).code).toBe(3);
  });

  it('finding B9: refuses a device that cannot run it, exit 5; with --force warns of it', async () => {
    await insertWorker(session, names, 'worker-002', { status: 'offline' });
    const { task_id } = await insertRunning(session, names, 'worker-001');
    const refused = await tasks('reassign', task_id, '--to', 'worker-002');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain(`Device worker-002 cannot run task ${task_id}: it is offline.`);
    expect(refused.stderr).toContain(`Try: afd tasks reassign ${task_id} --to worker-002 --force`);
    const forced = await tasks('reassign', task_id, '--to', 'worker-002', '--force');
    expect(forced).toMatchObject({ code: 0, stderr: expect.stringContaining('Warning: worker-002 is offline') });
  });
});

it('afd tasks retry runs what failed again; what is done needs --force', async () => {
  const failed = await insertTask(session, names, { status: 'failed', retry: 4, attempt: 4 });
  const done = await insertTask(session, names, { status: 'done', attempt: 1 });
  const retried = { task_id: failed, status: 'pending', attempt: 4 };
  expect((await json('retry', failed)).json).toEqual({ ...retried, tasks: [retried] });
  const stderr = expect.stringContaining(`Try: afd tasks retry ${done} --force`);
  expect(await tasks('retry', done)).toMatchObject({ code: 5, stderr });
  expect((await tasks('retry', done, '--force')).stdout).toContain('its next attempt is number 2');
});
