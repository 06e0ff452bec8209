import { expect } from 'vitest';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addRunning, addTask, attemptRow, setAttempt, setTask, taskRow } from '../../helpers/rows-here.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

useDatabase();
const cancel = (id: number, options = {}) => cancelTask(session, names, id, options);

it.each(['pending', 'assigned', 'waiting'])(
  'cancelling a task that is %s ends it at once, and once more is harmless',
  async (status) => {
    const id = await addTask({ status, target_device_id: 'worker-1', retry: 2, last_error: 'old' });
    const ended = { task_id: id, status: 'cancelled', revoking: false, already: false, device_id: null };
    expect(await cancel(id)).toEqual(ended);
    const row = await taskRow(id);
    const after = { status: 'cancelled', target_device_id: null, retry: 2, last_error: 'old' };
    expect(row).toMatchObject({ ...after, finished_at: expect.any(String) });
    expect(await cancel(id)).toMatchObject({ status: 'cancelled', already: true });
    expect(await taskRow(id)).toEqual(row);
  },
);

it('cancelling a task that is running asks its holder to end it, once, and leaves the task to the holder', async () => {
  const { task_id, assignment_id } = await addRunning('worker-1');
  const before = await taskRow(task_id);
  const asked = { task_id, status: 'running', revoking: true, already: false, device_id: 'worker-1' };
  expect(await cancel(task_id)).toEqual(asked);
  expect(await taskRow(task_id)).toEqual(before);
  const attempt = await attemptRow(assignment_id);
  const revoked = { status: 'running', revoke_outcome: 'cancelled', completed_at: null };
  expect(attempt).toMatchObject({ ...revoked, revoked_at: expect.any(String) });
  expect(await cancel(task_id)).toMatchObject({ revoking: true, already: true });
  expect(await attemptRow(assignment_id)).toEqual(attempt);
});

it('cancelling a task wins over a reassignment that its holder has not obeyed yet', async () => {
  const { task_id, assignment_id } = await addRunning('worker-1', { target_device_id: 'worker-2' });
  await setAttempt(assignment_id, { revoked_at: '2024-01-01', revoke_outcome: 'released' });
  expect(await cancel(task_id)).toMatchObject({ revoking: true, already: false });
  const revoked = { revoke_outcome: 'cancelled', revoked_at: '2024-01-01 00:00:00.000' };
  expect(await attemptRow(assignment_id)).toMatchObject(revoked);
});

it("cancelling a task with force ends the attempt in its holder's place, so that what the holder still says is fenced", async () => {
  const { task_id, assignment_id } = await addRunning('dead', { retry: 1 });
  expect(await cancel(task_id, { force: true })).toMatchObject({ status: 'cancelled', revoking: false });
  expect(await taskRow(task_id)).toMatchObject({ status: 'cancelled', claim_token: null, retry: 1 });
  const ended = { status: 'cancelled', cause: 'operator', revoke_outcome: 'cancelled' };
  expect(await attemptRow(assignment_id)).toMatchObject({ ...ended, completed_at: expect.any(String) });
});

it.each(['done', 'failed'])(
  'cancelling a task that is %s is a conflict and changes nothing, with force too',
  async (status) => {
    const id = await addTask({ status });
    const before = await taskRow(id);
    const refusal = { code: 'E_CONFLICT', exitCode: 5, data: { status } };
    for (const force of [false, true]) await expect(cancel(id, { force })).rejects.toMatchObject(refusal);
    expect(await taskRow(id)).toEqual(before);
  },
);

it('cancelling a task that another program set to running is a conflict; with force it is cancelled', async () => {
  const id = await addTask({ status: 'running', attempt: 0 });
  const refusal = { code: 'E_CONFLICT', suggestions: [`afd tasks cancel ${id} --force`] };
  await expect(cancel(id)).rejects.toMatchObject(refusal);
  expect(await cancel(id, { force: true })).toMatchObject({ status: 'cancelled', device_id: null });
});

it('G1 cancelling a task is never a success when the database is gone, or the task', async () => {
  const id = await addTask();
  await expect(cancel(id + 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND', exitCode: 3 });
  const lost = await db.session();
  lost.destroy();
  await expect(cancelTask(lost, names, id)).rejects.toMatchObject({ code: 'E_DATABASE' });
  expect(await taskRow(id)).toMatchObject({ status: 'pending' });
});

it('a claim that comes first is met as running, not overwritten', async () => {
  const id = await addTask();
  const own = await db.session();
  await session.write('START TRANSACTION');
  await setTask(id, { status: 'running', attempt: 1, claim_token: Buffer.alloc(16, 1) });
  let over = false;
  const waiting = cancelTask(own, names, id).finally(() => (over = true));
  await statementRuns(await db.session(), '%FOR UPDATE%', () => over);
  await session.write(
    `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, deadline_at)
     VALUES (?, 'worker-1', 1, ?, UTC_TIMESTAMP(3))`,
    [id, Buffer.alloc(16, 1)],
  );
  await session.write('COMMIT');
  expect(await waiting).toMatchObject({ status: 'running', revoking: true, device_id: 'worker-1' });
});
