// What a search reads: with which index, how much of it, and which tasks it finds.
import { describe, expect } from 'vitest';
import { batchCount, deviceCounts, statusCounts, taskCount } from '../../../src/core/db/search/bounded-counts.ts';
import {
  byBatch,
  byDedupeKey,
  byDevice,
  byStatus,
  inStretch,
  newestBelow,
  type Statement,
} from '../../../src/core/db/search/find-tasks.ts';
import { readTasks, taskRowsStatement } from '../../../src/core/db/search/task-rows.ts';
import type { TaskSearch } from '../../../src/core/db/search/task-search.ts';
import { viewTask } from '../../../src/core/db/search/view-task.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { insertAttempt, insertDevice, insertRunning, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

let session: Session;
let names: TableNames;

it.beforeEach(async ({ db, given }) => {
  names = db.names;
  // A gateway's sessions have it.
  session = await db.session({ multiStatements: true });
  void given;
});

const ALL = { before: Number.MAX_SAFE_INTEGER, limit: 100 };
const ids = async ({ sql, values }: Statement) =>
  (await session.rows<{ id: number }>(sql, values)).map((row) => row.id);
const found = (search: TaskSearch) => ids(inStretch(names, search, { ...ALL, from: 1 }));

describe('a search finds', () => {
  it.for<[string, Record<string, unknown>, TaskSearch]>([
    ['the type', { task_type: 'other' }, { task_type: 'other' }],
    ['the user', { username: 'a@example.com' }, { username: 'a@example.com' }],
    ['the app', { app_id: 'com.example' }, { app_id: 'com.example' }],
    ['the priority', { priority: 9 }, { priority: 9 }],
    ['the parent', { parent_id: 77 }, { parent_id: 77 }],
    ['the batch', { batch_id: 78 }, { batch_id: 78 }],
    ['the concurrency key', { concurrency_key: 'k' }, { concurrency_key: 'k' }],
    ['the dedupe key', { dedupe_key: 'd' }, { dedupe_key: 'd' }],
    ['a status', { status: 'failed' }, { status: ['failed'] }],
    ['one of several statuses', { status: 'waiting' }, { status: ['done', 'waiting'] }],
    [
      'text of the last error, in any case, signs of patterns as they are',
      { last_error: 'HTTP 50% _off' },
      { error: 'http 50% _' },
    ],
    ['the device that it is directed at', { status: 'assigned', target_device_id: 'w9' }, { device_id: 'w9' }],
    ['the device of a deferred claim', { status: 'running', claimed_by: 'w9' }, { device_id: 'w9' }],
  ])('tasks by %s', async ([, columns, search]) => {
    await insertTask(session, names, { last_error: 'HTTP 500 off' });
    const wanted = await insertTask(session, names, columns);
    await insertTask(session, names);
    expect(await found(search)).toEqual([wanted]);
  });

  it('tasks by the device of their current attempt alone', async () => {
    const { task_id } = await insertRunning(session, names, 'w1', { attempt: 2 });
    await session.write(
      `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status, deadline_at)
       VALUES (?, 'w2', 1, '', 'lost', UTC_TIMESTAMP(3))`,
      [task_id],
    );
    for (const search of [{ device_id: 'w1' }, { device_id: 'w2' }]) {
      const expected = search.device_id === 'w1' ? [task_id] : [];
      expect(await found(search)).toEqual(expected);
      expect(await ids(byDevice(names, search, ALL))).toEqual(expected);
    }
  });

  it('tasks by when they were added and when they ended, whatever the zone of the session', async ({ db }) => {
    session = await db.session({ multiStatements: true, timeZone: '+07:00' });
    const at = 'FROM_UNIXTIME(1700000000)';
    const early = await insertTask(session, names, { status: 'done', finished_at: '2023-11-14 22:13:20.000' });
    const late = await insertTask(session, names, { status: 'failed', finished_at: '2023-11-14 22:13:21.000' });
    // Another program ended it, and wrote no finished_at.
    const foreign = await insertTask(session, names, { status: 'done' });
    await session.write(`UPDATE ${names.task} SET created_at = ${at} WHERE id = ?`, [early]);
    await session.write(`UPDATE ${names.task} SET updated_at = ${at} + INTERVAL 1 SECOND WHERE id = ?`, [foreign]);
    const moment = '2023-11-14T22:13:20Z';
    const next = '2023-11-15T05:13:21+07:00';
    expect(await found({ created_from: moment, created_to: next })).toEqual([early]);
    expect(await found({ created_to: moment })).toEqual([]);
    expect(await found({ finished_from: moment, finished_to: next })).toEqual([early]);
    expect(await found({ finished_from: next })).toEqual([foreign, late]);
    // Later than a server can count.
    expect(await found({ created_from: '2060-01-01T00:00:00Z' })).toEqual([]);
    expect(await found({ created_to: '2060-01-01T00:00:00Z' })).toHaveLength(3);
  });

  it('only ids below the place where the page before ended', async () => {
    const some = [await insertTask(session, names), await insertTask(session, names), await insertTask(session, names)];
    const window = { before: some[2]!, limit: 1 };
    expect(await ids(byStatus(names, { status: ['pending'] }, window))).toEqual([some[1]]);
    expect(await ids(inStretch(names, {}, { ...window, from: some[1]! }))).toEqual([some[1]]);
    expect(await ids(inStretch(names, {}, { ...window, limit: 9, from: some[1]! }))).toEqual([some[1]]);
    expect(await ids(newestBelow(names, some[1]!))).toEqual([some[0]]);
    expect(await ids(newestBelow(names, some[0]!))).toEqual([null]);
  });
});

describe('with 5,000 tasks a search', () => {
  it.beforeEach(async () => {
    await session.write(`INSERT INTO ${names.task} (task_type, status) SELECT 't', 'done' FROM ${manyRows(4000)}`);
    await session.write(
      `INSERT INTO ${names.task} (task_type, dedupe_key) SELECT 't', CONCAT('k', a.n, b.n, c.n, d.n) FROM ${manyRows(900)}`,
    );
    await session.write(`INSERT INTO ${names.task} (task_type, status) SELECT 'u', 'failed' FROM ${manyRows(100)}`);
    await session.write(
      `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status)
       SELECT id, IF(id % 50 = 0, 'w1', 'w2'), 1, '', 'completed' FROM ${names.task} WHERE status = 'done'`,
    );
    await session.write(`UPDATE ${names.task} SET attempt = 1 WHERE status = 'done'`);
    for (const table of [names.task, names.assignment]) await session.rows(`ANALYZE TABLE ${table}`);
  });

  it('for a status reads afd_claim, and no more entries than have it', async () => {
    const statement = byStatus(names, { status: ['failed'], task_type: 'u' }, { ...ALL, limit: 51 });
    expect(await planOf(session, statement)).toMatchObject([{ key: 'afd_claim', type: 'range' }]);
    const { rows, reads } = await costOf(session, statement);
    expect(rows).toBe(51);
    // Each entry, its row, and what a sort reads back.
    expect(reads).toBeLessThanOrEqual(100 + 60);
  });

  it('for a status alone reads no row', async () => {
    const statement = byStatus(names, { status: ['failed', 'pending'] }, { ...ALL, limit: 51 });
    const plan = await planOf(session, statement);
    expect(plan).toMatchObject([{ key: 'afd_claim', type: 'range' }]);
    expect(String(plan[0]?.Extra)).toMatch(/Using index/);
    expect(await costOf(session, statement)).toMatchObject({ rows: 51 });
  });

  it('for a batch reads afd_batch, and no task of another', async () => {
    await session.write(`UPDATE ${names.task} SET batch_id = 5 WHERE id % 100 = 0`);
    const statement = byBatch(names, { batch_id: 5 }, ALL);
    expect((await planOf(session, statement))[0]).toMatchObject({ key: 'afd_batch' });
    const { rows, reads } = await costOf(session, statement);
    expect(rows).toBeGreaterThan(5);
    expect(reads).toBeLessThanOrEqual(2 * rows + 3);
    expect(await session.rows(batchCount(names, 5, 100).sql, [5])).toMatchObject([{ n: rows }]);
  });

  it('for a key reads one entry', async () => {
    const statement = byDedupeKey(names, { dedupe_key: 'k0123' }, ALL);
    expect((await planOf(session, statement))[0]).toMatchObject({ key: 'afd_dedupe' });
    expect(await costOf(session, statement)).toMatchObject({ rows: 1 });
    expect((await costOf(session, statement)).reads).toBeLessThanOrEqual(3);
  });

  it('for anything else reads a stretch of PRIMARY backwards, without a sort', async () => {
    const [newest] = await ids(newestBelow(names, Number.MAX_SAFE_INTEGER));
    const rare = inStretch(names, { task_type: 'none' }, { ...ALL, from: newest! - 999 });
    expect(await planOf(session, rare)).toMatchObject([{ key: 'PRIMARY', type: 'range' }]);
    const cost = await costOf(session, rare);
    expect(cost).toMatchObject({ rows: 0, sorted: 0 });
    expect(cost.reads).toBeLessThanOrEqual(1002);
    // It ends where the page is full.
    const common = await costOf(session, inStretch(names, {}, { ...ALL, limit: 51, from: 1 }));
    expect(common.reads).toBeLessThanOrEqual(53);
  });

  it('for a device reads what the device has run, and each of those tasks by PRIMARY', async () => {
    const statement = byDevice(names, { device_id: 'w1' }, ALL);
    const plan = await planOf(session, statement);
    expect(plan.map((one) => one.key)).toEqual(
      expect.arrayContaining(['idx_device_id', 'afd_target', 'afd_claim', 'PRIMARY']),
    );
    const { rows, reads } = await costOf(session, statement);
    expect(rows).toBe(80);
    // Entry, its row, a temporary row, the task, its attempt, the sort.
    expect(reads).toBeLessThanOrEqual(80 * 8 + 20);
  });

  it('for a device in a stretch looks up one attempt for each task', async () => {
    const [newest] = await ids(newestBelow(names, Number.MAX_SAFE_INTEGER));
    const statement = inStretch(names, { device_id: 'w1' }, { ...ALL, from: newest! - 1999 });
    const plan = await planOf(session, statement);
    expect(plan.map((one) => one.key)).toEqual(['PRIMARY', 'idx_task_id']);
    expect((await costOf(session, statement)).reads).toBeLessThanOrEqual(2000 * 2 + 1000 + 10);
  });

  it('counts no further than it was told, without reading a row', async () => {
    const counted = async ({ sql, values }: Statement) => (await session.rows(sql, values)).map((row) => Number(row.n));
    expect(await counted(statusCounts(names, ['done', 'failed', 'waiting'], 1000))).toEqual([1001, 100, 0]);
    expect(await counted(taskCount(names, 1000))).toEqual([1001]);
    expect(await counted(taskCount(names, 9000))).toEqual([5000]);
    expect(await counted(deviceCounts(names, 'w2', 1000))).toEqual([1001, 0, 0]);
    const { reads } = await costOf(session, statusCounts(names, ['done'], 1000));
    // Each entry, and the temporary row that is counted.
    expect(reads).toBeLessThanOrEqual(1001 * 2 + 10);
    for (const statement of [statusCounts(names, ['done'], 1000), deviceCounts(names, 'w2', 1000)])
      for (const one of (await planOf(session, statement)).filter((row) => String(row.key).includes('_')))
        expect(String(one.Extra)).toMatch(/Using index/);
  });

  it('loads the tasks of a page by PRIMARY, with one lookup of the attempt for each', async () => {
    const page = (await found({})).slice(0, 50);
    const plan = await planOf(session, taskRowsStatement(names, page));
    expect(plan.map((one) => one.key)).toEqual(['PRIMARY', 'idx_task_id', 'PRIMARY']);
    expect((await costOf(session, taskRowsStatement(names, page))).reads).toBeLessThanOrEqual(50 * 4 + 10);
  });
});

describe('a task of a list', () => {
  it('has its device, its progress and its times; long texts are cut and named', async () => {
    const long = JSON.stringify({ a: 'x'.repeat(3000) });
    const { task_id } = await insertRunning(session, names, 'w1', { last_error: 'é'.repeat(600), task_data: long });
    const short = await insertTask(session, names, { task_data: '{"n": 1}', last_error: 'no', batch_id: 5 });
    const { tasks, now } = await readTasks(session, names, [task_id, short, 999_999]);
    expect(tasks.map((one) => one.task_id)).toEqual([short, task_id]);
    expect(tasks[0]).toMatchObject({
      task_data: { n: 1 },
      last_error: 'no',
      batch_id: 5,
      truncated: [],
      device_id: null,
    });
    expect(tasks[1]).toMatchObject({ task_data: null, device_id: 'w1', truncated: ['task_data', 'last_error'] });
    expect(tasks[1]?.last_error).toBe('é'.repeat(500));
    expect(now).toMatch(/^\d{4}-.*Z$/);
    expect((await readTasks(session, names, [])).tasks).toEqual([]);
  });
});

describe('a task alone', () => {
  it('has its newest attempts, oldest first, with long results left out', async () => {
    const device = await insertDevice(session, names, { device_id: 'w1' });
    const task_id = await insertTask(session, names, { status: 'done', attempt: 102 });
    for (let attempt = 1; attempt <= 102; attempt += 1) {
      const result = JSON.stringify({ a: 'x'.repeat(attempt === 101 ? 9000 : 1) });
      await insertAttempt(session, names, {
        device,
        task_id,
        columns: { attempt, status: 'completed', result, error_message: 'e'.repeat(5000) },
      });
    }
    const { task } = await viewTask(session, names, task_id);
    expect(task.more_attempts).toBe(true);
    expect(task.attempts.map((one) => one.attempt)).toEqual(Array.from({ length: 100 }, (_, n) => n + 3));
    expect(task.attempts[98]).toMatchObject({ result: null, truncated: ['result', 'error_message'] });
    expect(task.attempts[99]).toMatchObject({ result: { a: 'x' }, truncated: ['error_message'], device_id: 'w1' });
    expect(task.attempts[99]?.error_message).toHaveLength(4000);
    expect(task.device_id).toBe('w1');
  });

  it('has a checkpoint only if that was stored for this very task', async () => {
    const task_id = await insertTask(session, names);
    const store = (created: string) =>
      session.write(
        `REPLACE INTO ${names.checkpoint} (task_id, attempt, value, task_created_at, written_at)
         SELECT id, 2, '{"n":1}', ${created}, UTC_TIMESTAMP(3) FROM ${names.task} WHERE id = ?`,
        [task_id],
      );
    expect((await viewTask(session, names, task_id)).task.checkpoint).toBeNull();
    await store('created_at');
    expect((await viewTask(session, names, task_id)).task.checkpoint).toMatchObject({ attempt: 2, bytes: 7 });
    await store("'2001-01-01'");
    expect((await viewTask(session, names, task_id)).task.checkpoint).toBeNull();
  });

  it('that does not exist is E_NOT_FOUND', async () => {
    await expect(viewTask(session, names, 5)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});
