import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { deleteCheckpoint } from '../../../src/core/db/reports/delete-checkpoint.ts';
import { readCheckpoints } from '../../../src/core/db/reports/read-checkpoints.ts';
import { writeCheckpoint } from '../../../src/core/db/reports/write-checkpoint.ts';
import { retryTask } from '../../../src/core/db/tasks/retry-task.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addRunning, addWorker, setTask } from '../../helpers/rows-here.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

useDatabase();
it.beforeEach(async () => {
  await addWorker('w1');
});

const VALUE = '{"app":3,"rest":["b","a"]}';
const write = (held: { task_id: number; claim_token: Buffer }, value = VALUE) =>
  writeCheckpoint(session, names, { ...held, value });
const stored = async (...ids: number[]) => [...(await readCheckpoints(session, names, ids))];

it('a checkpoint is stored as it was written, for each task the last one, which may be the same again', async () => {
  const [one, two, none] = [await addRunning('w1', { attempt: 2 }), await addRunning('w1'), await addRunning('w1')];
  // 64 KB.
  const long = JSON.stringify('é'.repeat(32 * 1024 - 1));
  for (const value of ['1', VALUE, VALUE]) expect(await write(one, value)).toBe(true);
  expect(await write(two, long)).toBe(true);
  const ids = [one, two, none].map(({ task_id }) => task_id);
  expect(await stored(...ids)).toEqual([
    [one.task_id, VALUE],
    [two.task_id, long],
  ]);
  expect(await stored()).toEqual([]);
});

it('a checkpoint of an attempt whose task another one holds is refused, and that one’s stays', async () => {
  const held = await addRunning('w1', { attempt: 2 });
  await write(held, '"new"');
  expect(await write({ ...held, claim_token: randomBytes(16) }, '"old"')).toBe(false);
  expect(await stored(held.task_id)).toEqual([[held.task_id, '"new"']]);
});

it('a checkpoint and a rescue come one after the other, whatever begins first', async () => {
  const held = await addRunning('w1');
  const other = await db.session();
  await other.write('START TRANSACTION');
  await other.write(`UPDATE ${names.task} SET claim_token = NULL WHERE id = ?`, [held.task_id]);
  const waiting = write(held);
  await statementRuns(await db.session(), `INSERT INTO ${names.checkpoint}%`);
  await other.write('COMMIT');
  expect(await waiting).toBe(false);
  expect(await session.rows(`SELECT * FROM ${names.checkpoint}`)).toEqual([]);
});

it('what the next attempt is given is not that of an earlier task with its id', async () => {
  const held = await addRunning('w1');
  await write(held);
  await session.write(`UPDATE ${names.task} SET created_at = created_at + INTERVAL 1 SECOND`);
  expect(await stored(held.task_id)).toEqual([]);
});

it('what the next attempt is given is not lost for a task without a time of its own', async () => {
  const held = await addRunning('w1', { created_at: null });
  await write(held);
  expect(await stored(held.task_id)).toHaveLength(1);
});

it('the checkpoint of a task that is done goes, and stays if a later attempt has stored it', async () => {
  const held = await addRunning('w1', { attempt: 3 });
  await write(held);
  const done = (attempt: number) => deleteCheckpoint(session, names, { task_id: held.task_id, attempt });
  expect(await done(2)).toBe(0);
  expect(await stored(held.task_id)).toHaveLength(1);
  expect([await done(3), await done(3)]).toEqual([1, 0]);
});

it.each([
  ['goes on where it stopped, if it failed', 'failed', 1],
  ['goes on where it stopped, if it was cancelled', 'cancelled', 1],
  ['begins anew, if it was done', 'done', 0],
])('a task that ended and runs again %s', async (_, status, kept) => {
  const held = await addRunning('w1');
  await write(held);
  await setTask(held.task_id, { status, claim_token: null });
  await retryTask(session, names, held.task_id, { force: true });
  expect(await stored(held.task_id)).toHaveLength(kept);
});
