import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { showDevice } from '../../../src/core/db/devices/show-device.ts';
import { runningProgress } from '../../../src/core/db/reports/running-progress.ts';
import { type ProgressRow, writeProgress } from '../../../src/core/db/reports/write-progress.ts';
import { listTasks } from '../../../src/core/db/tasks/list-tasks.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDeferred, addRunning, addTask, addWorker, holding } from '../../helpers/rows-here.ts';

useDatabase();
it.beforeEach(async () => {
  await addWorker('w1');
});

const row = (held: { task_id: number; claim_token: Buffer }, more: Partial<ProgressRow> = {}): ProgressRow => ({
  ...{ task_id: held.task_id, claim_token: held.claim_token, device_id: 'w1' },
  ...{ progress: { done: 3, total: 10, message: 'page 3' }, metrics: '{"rows":12}', usage: undefined },
  first: { done: 1, age_ms: 2000 },
  ...more,
});
const write = (...rows: ProgressRow[]) => writeProgress(session, names, rows);
const stored = () =>
  session.rows(
    `SELECT *, TIMESTAMPDIFF(MICROSECOND, begun_at, updated_at) / 1000000 AS age_s,
       ABS(TIMESTAMPDIFF(MICROSECOND, updated_at, UTC_TIMESTAMP(3))) < 60000000 AS now
     FROM ${names.progress} ORDER BY task_id, attempt`,
  );

it('the progress of attempts is written for all of a device in one statement, also of a deferred claim', async () => {
  const [one, two] = [await addRunning('w1'), await addRunning('w1', { attempt: 4 })];
  const three = await addDeferred({ device_id: 'w1', instance_token: randomBytes(16), lock_name: '' });
  const usage = { peak_memory: 1.5e9, cpu_ms: 250.4 };
  const bare = { progress: undefined, metrics: null, first: undefined };
  expect(await write(row(one), row(two, { ...bare, usage }), row(three))).toBe(3);
  const rows = await stored();
  expect(rows).toMatchObject([
    {
      ...{ task_id: one.task_id, attempt: 1, device_id: 'w1', done: 3, total: 10, message: 'page 3' },
      ...{ peak_memory: null, cpu_ms: null, begun_done: 1, now: 1, age_s: 2 },
    },
    {
      ...{ task_id: two.task_id, attempt: 4, done: null, total: null, message: null, metrics: null },
      ...{ peak_memory: 1_500_000_000, cpu_ms: 250, begun_at: null, begun_done: null },
    },
    { task_id: three.task_id, attempt: 1, done: 3 },
  ]);
  expect(JSON.parse(rows[0]!.metrics)).toEqual({ rows: 12 });
});

it('the progress of attempts begins with the first progress, keeps that, and takes the last of everything else', async () => {
  const held = await addRunning('w1');
  await write(row(held, { progress: undefined, first: undefined }));
  await write(row(held));
  const [before] = await stored();
  expect(before).toMatchObject({ done: 3, begun_done: 1, age_s: 2 });
  const progress = { done: 7, total: null, message: null };
  // More than zero for the same once more, too: the attempt holds its task.
  for (let n = 0; n < 2; n += 1)
    expect(await write(row(held, { progress, metrics: null, first: { done: 5, age_ms: 1 } }))).toBeGreaterThan(0);
  const { begun_at, begun_done } = before!;
  expect(await stored()).toMatchObject([{ ...progress, metrics: null, begun_at, begun_done }]);
});

it('the progress of attempts of an attempt that lost its task is not written; that of the others is', async () => {
  const stale = { ...(await addRunning('w1')), claim_token: randomBytes(16) };
  const held = await addRunning('w1');
  expect(await write(row(stale), row(held))).toBe(1);
  expect(await stored()).toMatchObject([{ task_id: held.task_id }]);
  expect(await write(row(stale))).toBe(0);
});

it('the progress of attempts waits for no lock on the task, and takes none', async () => {
  const held = await addRunning('w1');
  const other = await holding(names.task, held.task_id);
  expect(await write(row(held))).toBe(1);
  await other.write('ROLLBACK');
  await session.write('START TRANSACTION');
  await write(row(held, { progress: { done: 4, total: 10, message: null } }));
  await other.write(`UPDATE ${names.task} SET priority = 7 WHERE id = ?`, [held.task_id]);
  await session.write('COMMIT');
  expect(await stored()).toMatchObject([{ done: 4 }]);
});

it('the progress of attempts takes figures that no column could hold as the largest number', async () => {
  const usage = { peak_memory: 1e300, cpu_ms: Number.NaN };
  const progress = { done: 1e308, total: 5e-324, message: '😀'.repeat(255) };
  await write(row(await addRunning('w1'), { usage, progress }));
  expect(await stored()).toMatchObject([{ peak_memory: Number.MAX_SAFE_INTEGER, cpu_ms: null, ...progress }]);
});

it('the progress of the last attempt is shown with a list, a task, a device, and of those that spoke last', async () => {
  const { task_id } = await addRunning('w1', { attempt: 2 });
  await addRunning('w1');
  const ended = await addTask({ status: 'failed', attempt: 1 });
  // Half of it since 40 s, the last word 10 s ago; an earlier attempt; and one that has ended.
  await session.write(
    `INSERT INTO ${names.progress}
       (task_id, attempt, device_id, done, total, message, metrics, peak_memory, cpu_ms, begun_done, begun_at, updated_at)
     VALUES (?, 2, 'w1', 60, 100, 'now', '{"rows":1}', 7, 8, 20,
        UTC_TIMESTAMP(3) - INTERVAL 50 SECOND, UTC_TIMESTAMP(3) - INTERVAL 10 SECOND),
       (?, 1, 'w0', 20, 100, 'before', NULL, NULL, NULL, 0, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3)),
       (?, 1, 'w1', 3, 4, NULL, NULL, NULL, NULL, 0, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3))`,
    [task_id, task_id, ended],
  );
  const now = { done: 60, total: 100, message: 'now', metrics: { rows: 1 }, peak_memory: 7, cpu_ms: 8 };
  const tasks = await listTasks(session, names, { limit: 10 });
  expect(tasks.map((one) => one.progress)).toMatchObject([{ done: 3, remaining: null }, null, now]);
  const shown = await showTask(session, names, task_id);
  expect(shown.progress).toMatchObject(now);
  expect(shown.assignments).toMatchObject([{ attempt: 2, progress: now }]);
  // 40 in 40 s, 40 to go, 10 s ago; the machine may be slow.
  for (const one of [tasks[2], shown.assignments[0]]) {
    expect(one!.progress?.remaining).toBeGreaterThan(10);
    expect(one!.progress?.remaining).toBeLessThanOrEqual(30);
  }
  const { assignments } = await showDevice(session, names, 'w1');
  expect(assignments.map((one) => one.progress)).toMatchObject([now, null]);
  const other = await addRunning('w2');
  await session.write(
    `INSERT INTO ${names.progress} (task_id, attempt, device_id, done, updated_at) VALUES (?, 1, 'w2', 1, UTC_TIMESTAMP(3))`,
    [other.task_id],
  );
  const last = { task_id: other.task_id, attempt: 1, device_id: 'w2', progress: { done: 1, total: null } };
  const before = { attempt: 2, device_id: 'w1', task_type: 'sync_data', progress: now };
  expect(await runningProgress(session, names, 5)).toMatchObject([last, before]);
  expect(await runningProgress(session, names, 1)).toMatchObject([last]);
});
