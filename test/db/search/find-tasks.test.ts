// What a search reads: with which index, how much of it, and which tasks it finds.
import { expect } from 'vitest';
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
import { findTaskIds } from '../../../src/core/search/find-ids.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDevice, addRunning, addTask } from '../../helpers/rows-here.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

useDatabase();
const ALL = { before: Number.MAX_SAFE_INTEGER, limit: 100 };
const ids = async ({ sql, values }: Statement, on = session) =>
  (await on.rows<{ id: number }>(sql, values)).map((row) => row.id);
const found = (search: TaskSearch, on = session) => ids(inStretch(names, search, { ...ALL, from: 1 }), on);

it.for<[string, Record<string, unknown>, TaskSearch]>([
  ['the type', { task_type: 'other' }, { task_type: 'other' }],
  ['the user', { username: 'a@example.com' }, { username: 'a@example.com' }],
  ['the app', { app_id: 'com.example' }, { app_id: 'com.example' }],
  ['the priority', { priority: 9 }, { priority: 9 }],
  ['the parent', { parent_id: 77 }, { parent_id: 77 }],
  ['the batch', { batch_id: 78 }, { batch_id: 78 }],
  ['the concurrency key', { concurrency_key: 'k' }, { concurrency_key: 'k' }],
  ['the dedupe key', { dedupe_key: 'd' }, { dedupe_key: 'd' }],
  ['one of several statuses', { status: 'waiting' }, { status: ['done', 'waiting'] }],
  ['the last error, in any case, signs as they are', { last_error: 'HTTP 50% _off' }, { error: 'http 50% _' }],
  ['the device that it is directed at', { status: 'assigned', target_device_id: 'w9' }, { device_id: 'w9' }],
  ['the device of a deferred claim', { status: 'running', claimed_by: 'w9' }, { device_id: 'w9' }],
])('a search finds tasks by %s', async ([, columns, search]) => {
  await addTask({ last_error: 'HTTP 500 off' });
  const wanted = await addTask(columns);
  await addTask();
  expect(await found(search)).toEqual([wanted]);
});

it('a search finds tasks by the device of their current attempt alone', async () => {
  const { task_id } = await addRunning('w1', { attempt: 2 });
  await addAttempt({ task_id, device: await addDevice('w2'), columns: { status: 'lost' } });
  for (const [device_id, expected] of [
    ['w1', [task_id]],
    ['w2', []],
  ] as const) {
    expect(await found({ device_id })).toEqual(expected);
    expect(await ids(byDevice(names, { device_id }, ALL))).toEqual(expected);
  }
});

it('a search finds tasks by when they were added and when they ended, whatever the zone of the session', async () => {
  const east = await db.session({ timeZone: '+07:00' });
  const at = 'FROM_UNIXTIME(1700000000)';
  const early = await addTask({ status: 'done', finished_at: '2023-11-14 22:13:20.000' });
  const late = await addTask({ status: 'failed', finished_at: '2023-11-14 22:13:21.000' });
  // Another program ended it, and wrote no finished_at.
  const foreign = await addTask({ status: 'done' });
  await east.write(`UPDATE ${names.task} SET created_at = ${at} WHERE id = ?`, [early]);
  await east.write(`UPDATE ${names.task} SET updated_at = ${at} + INTERVAL 1 SECOND WHERE id = ?`, [foreign]);
  const moment = '2023-11-14T22:13:20Z';
  const next = '2023-11-15T05:13:21+07:00';
  for (const [search, expected] of [
    [{ created_from: moment, created_to: next }, [early]],
    [{ created_to: moment }, []],
    [{ finished_from: moment, finished_to: next }, [early]],
    [{ finished_from: next }, [foreign, late]],
    // Later than a server can count.
    [{ created_from: '2060-01-01T00:00:00Z' }, []],
  ] as Array<[TaskSearch, number[]]>)
    expect(await found(search, east), JSON.stringify(search)).toEqual(expected);
});

it('a search finds only ids below the place where the page before ended', async () => {
  const some = [await addTask(), await addTask(), await addTask()];
  const window = { before: some[2]!, limit: 1 };
  expect(await ids(byStatus(names, { status: ['pending'] }, window))).toEqual([some[1]]);
  expect(await ids(inStretch(names, {}, { ...window, from: some[1]! }))).toEqual([some[1]]);
  expect(await ids(inStretch(names, {}, { ...window, limit: 9, from: some[1]! }))).toEqual([some[1]]);
  expect(await ids(newestBelow(names, some[1]!))).toEqual([some[0]]);
  expect(await ids(newestBelow(names, some[0]!))).toEqual([null]);
});

it('with 5,000 tasks a search reads its index, and no more entries than it must', async () => {
  const insert = (columns: string, values: string, count: number) =>
    session.write(`INSERT INTO ${names.task} (task_type, ${columns}) SELECT ${values} FROM ${manyRows(count)}`);
  await insert('status', "'t', 'done'", 4000);
  await insert('dedupe_key', "'t', CONCAT('k', a.n, b.n, c.n, d.n)", 900);
  await insert('status', "'u', 'failed'", 100);
  await session.write(
    `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status)
     SELECT id, IF(id % 50 = 0, 'w1', 'w2'), 1, '', 'completed' FROM ${names.task} WHERE status = 'done'`,
  );
  await session.write(`UPDATE ${names.task} SET attempt = 1 WHERE status = 'done'`);
  await session.write(`UPDATE ${names.task} SET batch_id = 5 ORDER BY id LIMIT 50`);
  for (const table of [names.task, names.assignment]) await session.rows(`ANALYZE TABLE ${table}`);
  const [newest] = await ids(newestBelow(names, Number.MAX_SAFE_INTEGER));
  const page = { ...ALL, limit: 51 };
  const stretch = (search: TaskSearch, from: number) => inStretch(names, search, { ...page, from });
  const listed = (await found({})).slice(0, 50);
  for (const [statement, rows, reads, keys] of [
    // Each entry, its row, and what a sort reads back; of a status alone no row.
    [byStatus(names, { status: ['failed'], task_type: 'u' }, page), 51, 100 + 60, 'afd_claim'],
    [byStatus(names, { status: ['failed', 'pending'] }, page), 51, 1000 + 60, 'afd_claim'],
    [byBatch(names, { batch_id: 5 }, ALL), 50, 2 * 50 + 3, 'afd_batch'],
    [byDedupeKey(names, { dedupe_key: 'k0123' }, ALL), 1, 3, 'afd_dedupe'],
    // Anything else: a stretch backwards, which ends where the page is full.
    [stretch({ task_type: 'none' }, newest! - 999), 0, 1002, 'PRIMARY'],
    [stretch({}, 1), 51, 53, 'PRIMARY'],
    // Of a device its entry, its row, a temporary row, the task, its attempt, the sort; in a stretch one attempt of each.
    [byDevice(names, { device_id: 'w1' }, ALL), 80, 80 * 8 + 20, undefined],
    [stretch({ device_id: 'w1' }, newest! - 1999), undefined, 2000 * 2 + 1000 + 10, 'PRIMARY idx_task_id'],
    [taskRowsStatement(names, listed), 50, 50 * 4 + 10, 'PRIMARY idx_task_id PRIMARY'],
  ] as const) {
    const cost = await costOf(session, statement);
    if (rows !== undefined) expect(cost.rows, statement.sql).toBe(rows);
    expect(cost.reads, statement.sql).toBeLessThanOrEqual(reads);
    if (keys !== undefined)
      expect((await planOf(session, statement)).map((one) => String(one.key)).join(' '), statement.sql).toBe(keys);
  }
  // Counts go no further than they were told, without reading a row.
  const counted = async ({ sql, values }: Statement) => (await session.rows(sql, values)).map((row) => Number(row.n));
  const statuses = statusCounts(names, ['done', 'failed', 'waiting'], 1000);
  expect(await counted(statuses)).toEqual([1001, 100, 0]);
  expect([await counted(taskCount(names, 1000)), await counted(taskCount(names, 9000))]).toEqual([[1001], [5000]]);
  expect(await counted(deviceCounts(names, 'w2', 1000))).toEqual([1001, 0, 0]);
  expect(await counted(batchCount(names, 5, 100))).toEqual([50]);
  // Each entry, and the temporary row that is counted.
  expect((await costOf(session, statuses)).reads).toBeLessThanOrEqual(1101 * 2 + 20);
  for (const one of await planOf(session, deviceCounts(names, 'w2', 1000)))
    if (String(one.key).includes('_')) expect(String(one.Extra)).toMatch(/Using index/);
});

it('a task of a list has its device, its progress and its times; long texts are cut and named', async () => {
  const long = JSON.stringify({ a: 'x'.repeat(3000) });
  const { task_id } = await addRunning('w1', { last_error: 'é'.repeat(600), task_data: long });
  const short = { last_error: 'no', batch_id: 5 };
  const other = await addTask({ ...short, task_data: '{"n": 1}' });
  const { tasks, now } = await readTasks(session, names, [task_id, other, 999_999]);
  expect(tasks).toMatchObject([
    { ...short, task_id: other, task_data: { n: 1 }, truncated: [], device_id: null },
    { task_id, task_data: null, device_id: 'w1', truncated: ['task_data', 'last_error'], last_error: 'é'.repeat(500) },
  ]);
  expect(now).toMatch(/^\d{4}-.*Z$/);
  expect((await readTasks(session, names, [])).tasks).toEqual([]);
});

it('a task alone has its newest attempts, oldest first, with long results left out', async () => {
  const device = await addDevice('w1');
  const task_id = await addTask({ status: 'done', attempt: 102 });
  for (let attempt = 1; attempt <= 102; attempt += 1) {
    const result = JSON.stringify({ a: 'x'.repeat(attempt === 101 ? 9000 : 1) });
    const columns = { attempt, status: 'completed', result, error_message: 'e'.repeat(5000) };
    await addAttempt({ device, task_id, columns });
  }
  const { task } = await viewTask(session, names, task_id);
  expect(task).toMatchObject({ more_attempts: true, device_id: 'w1' });
  expect(task.attempts.map((one) => one.attempt)).toEqual(Array.from({ length: 100 }, (_, n) => n + 3));
  expect(task.attempts[98]).toMatchObject({ result: null, truncated: ['result', 'error_message'] });
  expect(task.attempts[99]).toMatchObject({ result: { a: 'x' }, truncated: ['error_message'], device_id: 'w1' });
  expect(task.attempts[99]?.error_message).toHaveLength(4000);
});

it('a task alone has a checkpoint only if that was stored for this very task; one that does not exist is not found', async () => {
  const task_id = await addTask();
  const checkpoint = async () => (await viewTask(session, names, task_id)).task.checkpoint;
  const store = (created: string) =>
    session.write(
      `REPLACE INTO ${names.checkpoint} (task_id, attempt, value, task_created_at, written_at)
       SELECT id, 2, '{"n":1}', ${created}, UTC_TIMESTAMP(3) FROM ${names.task}`,
    );
  expect(await checkpoint()).toBeNull();
  await store('created_at');
  expect(await checkpoint()).toMatchObject({ attempt: 2, bytes: 7 });
  await store("'2001-01-01'");
  expect(await checkpoint()).toBeNull();
  await expect(viewTask(session, names, task_id + 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
});

const page = (search: TaskSearch, before?: number, limit = 50) =>
  findTaskIds(session, { names }, search, { before, limit }, true);

async function all(search: TaskSearch, limit = 50) {
  const ids: number[] = [];
  for (let before: number | undefined; ; ) {
    const found = await page(search, before, limit);
    ids.push(...found.ids);
    if (found.next === null) return ids;
    before = found.next;
  }
}

it('a search for what is rare ends after a bounded stretch, says so, and goes on to the last task', async () => {
  for (let n = 1; n <= 40; n += 1) await addTask({ id: n * 20_000, username: n === 1 ? 'rare' : 'other' });
  const first = await page({ username: 'rare' });
  expect(first).toMatchObject({ ids: [], cut: true, total: { count: 1, exact: false } });
  // 200,000 ids, less what a stretch passes over between two tasks.
  expect(first.next).toBeGreaterThanOrEqual(400_000);
  expect(await all({ username: 'rare' })).toEqual([20_000]);
  expect(await all({ username: 'other' }, 7)).toHaveLength(39);
});

it('ids that are missing cost nothing, however many, and none at all is over at once', async () => {
  const ids = [9_000_000_000_000, 1_000_000_000_000, 2, 1];
  const found = (count: number) => ({ next: null, cut: false, total: { count, exact: true } });
  for (const search of [{}, { status: ['done' as const] }, { device_id: 'w1' }, { batch_id: 5 }, { dedupe_key: 'k' }])
    expect(await page(search)).toEqual({ ids: [], ...found(0) });
  for (const id of ids) await addTask({ id, username: 'a' });
  // Page by page: a search that takes long is cut.
  expect(await all({ username: 'a' })).toEqual(ids);
});

it('each way of reading finds the same tasks in the same order, page by page', async () => {
  const expected: number[] = [];
  for (let n = 0; n < 23; n += 1) {
    const columns = { username: 'u', batch_id: 5, target_device_id: 'w1', status: n % 3 === 0 ? 'failed' : 'assigned' };
    if (n % 5 === 4) await addTask();
    else expected.unshift(await addTask(columns));
  }
  for (const search of [
    { username: 'u' },
    { batch_id: 5 },
    { batch_id: 5, status: ['failed', 'assigned'] },
    { status: ['failed', 'assigned'] },
    { device_id: 'w1' },
    { device_id: 'w1', status: ['failed', 'assigned'], username: 'u' },
  ] as TaskSearch[])
    for (const limit of [1, 4, 100]) expect(await all(search, limit), JSON.stringify(search)).toEqual(expected);
});
