import { expect } from 'vitest';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { retryTask } from '../../../src/core/db/tasks/retry-task.ts';
import { type RetryFilter, retryableTasks } from '../../../src/core/db/tasks/retry-tasks.ts';
import { taskStates } from '../../../src/core/db/tasks/task-states.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addRunning, addTask, attemptRow, setAttempt, setTask, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
const retry = (id: number, options = {}) => retryTask(session, names, id, options);
const CONFLICT = { code: 'E_CONFLICT' };
const due = () => session.rows(`SELECT id, retry FROM ${names.task} WHERE due_at <= NOW(3)`);

it.each(['failed', 'cancelled'])(
  'retrying a task that is %s makes it due now with a new budget; the attempt goes on',
  async (status) => {
    const kept = { attempt: 5, last_error: 'boom' };
    const spent = { retry: 4, lost_count: 3, next_run_at: '2037-01-01', finished_at: '2024-01-01' };
    const id = await addTask({ status, ...kept, ...spent, target_device_id: 'worker-1' });
    expect(await retry(id)).toEqual({ task_id: id, status: 'pending', attempt: 5 });
    const anew = { retry: 0, lost_count: 0, finished_at: null, target_device_id: null, claim_token: null };
    expect(await taskRow(id)).toMatchObject({ ...kept, ...anew, status: 'pending' });
    expect(await due()).toEqual([{ id, retry: 0 }]);
  },
);

it('B6 retrying a task keeps the row of its earlier attempt, and does not make it one that was revoked', async () => {
  const { task_id, assignment_id } = await addRunning('worker-1');
  await setAttempt(assignment_id, { status: 'failed', error_message: 'boom' });
  await setTask(task_id, { status: 'failed' });
  const before = await attemptRow(assignment_id);
  await retry(task_id, { by: 'ada@ops' });
  const { updated_at } = await attemptRow(assignment_id);
  expect(await attemptRow(assignment_id)).toEqual({ ...before, updated_at, revoked_by: 'retried by ada@ops' });
});

it('retrying a task says with the last attempt who did it, behind who had asked for its end, and no more than there is room for', async () => {
  const { task_id, assignment_id } = await addRunning('worker-1');
  const by = async () => String((await attemptRow(assignment_id)).revoked_by);
  await cancelTask(session, names, task_id, { force: true, by: 'ada@ops' });
  await retry(task_id, { by: 'bob@ops: the partner is back' });
  expect(await by()).toBe('ada@ops; retried by bob@ops: the partner is back');
  await reassignTask(session, names, task_id, { by: 'cy@ops' });
  await cancelTask(session, names, task_id, { by: 'di@ops' });
  expect(await by()).toMatch(/; moved by cy@ops; cancelled by di@ops$/);
  await retry(task_id, { by: 'x'.repeat(495) });
  expect(await by()).toHaveLength(500);
});

it('C1 retrying a task that waits between two tries ends its wait', async () => {
  const id = await addTask({ attempt: 2, retry: 2, next_run_at: '2037-01-01' });
  await retry(id);
  expect(await due()).toEqual([{ id, retry: 0 }]);
});

it.each(['pending', 'assigned', 'waiting'])(
  'retrying a task that is %s and was never tried is a conflict: its time stays',
  async (status) => {
    const id = await addTask({ status, next_run_at: '2037-01-01' });
    const before = await taskRow(id);
    await expect(retry(id, { force: true })).rejects.toMatchObject(CONFLICT);
    expect(await taskRow(id)).toEqual(before);
  },
);

it('retrying a task that is done needs force', async () => {
  const id = await addTask({ status: 'done', attempt: 1, finished_at: '2026-01-01 00:00:00' });
  const suggestions = [`afd tasks retry ${id} --force`];
  await expect(retry(id)).rejects.toMatchObject({ ...CONFLICT, suggestions });
  expect(await retry(id, { force: true })).toMatchObject({ status: 'pending' });
  expect(await taskRow(id)).toMatchObject({ status: 'pending', finished_at: null });
});

it('retrying a task that is running is a conflict that names its device, with force too; one that is gone is not found', async () => {
  const { task_id } = await addRunning('worker-1');
  const message = `Task ${task_id} is running on worker-1.`;
  for (const force of [false, true])
    await expect(retry(task_id, { force })).rejects.toMatchObject({ ...CONFLICT, message });
  await expect(retry(task_id + 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
});

it('retrying a task that is no longer in the status it was asked for is a conflict, and unchanged', async () => {
  const id = await addTask({ attempt: 1, retry: 2, next_run_at: '2037-01-01' });
  const before = await taskRow(id);
  const message = `Task ${id} is pending, no longer failed.`;
  await expect(retry(id, { only: 'failed' })).rejects.toMatchObject({ ...CONFLICT, message });
  expect(await taskRow(id)).toEqual(before);
});

const add = (status: string, columns = {}) => addTask({ status, attempt: 1, ...columns });
const find = (filter: Partial<RetryFilter> = {}, of = session) =>
  retryableTasks(of, names, { status: 'failed', limit: 100, ...filter });

it('the tasks that may be retried are found by status and type, oldest first, up to a limit', async () => {
  const [a, , c] = [await add('failed'), await add('cancelled'), await add('failed', { task_type: 't' })];
  expect(await find()).toEqual([a, c]);
  expect(await find({ task_type: 't' })).toEqual([c]);
  expect(await find({ limit: 1 })).toEqual([a]);
});

it('E1 --since of the tasks that may be retried is the same instant in every zone of the session', async () => {
  const ours = await add('failed', { finished_at: '2026-01-01 12:00:00.000' });
  const west = await db.session({ timeZone: '-08:00' });
  // 12:00 UTC as a program in that zone writes it.
  const foreign = await add('failed', { updated_at: '2026-01-01 04:00:00' });
  expect(await find({ since: '2026-01-01T12:00:00.000Z' }, west)).toEqual([ours, foreign]);
  expect(await find({ since: '2026-01-01T12:00:01.000Z' }, west)).toEqual([]);
});

it('the states of tasks come by id; what does not exist is missing, and no ids are no question', async () => {
  const columns = { status: 'failed', attempt: 1, last_error: 'boom' };
  const id = await addTask({ ...columns, finished_at: '2026-01-01 12:00:00.000' });
  const state = { task_id: id, ...columns, finished_at: '2026-01-01T12:00:00.000Z' };
  expect(await taskStates(session, names, [id + 1, id])).toEqual([state]);
  expect(await taskStates(session, names, [])).toEqual([]);
});
