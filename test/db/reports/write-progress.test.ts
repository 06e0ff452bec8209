import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { type ProgressRow, writeProgress } from '../../../src/core/db/reports/write-progress.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDeferred, addRunning, addWorker, holding } from '../../helpers/rows-here.ts';

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
