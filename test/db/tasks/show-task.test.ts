import { expect } from 'vitest';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDevice, addRunning, addTask } from '../../helpers/rows-here.ts';

useDatabase();
const show = (id: number) => showTask(session, names, id);

it('B6 a task is shown with every attempt, in order, each with its own device and end', async () => {
  const { task_id, assignment_id } = await addRunning('worker-2', { attempt: 2, retry: 1 });
  const failure = { error_message: 'boom', error_class: 'TypeError' };
  await addAttempt({
    task_id,
    device: await addDevice('worker-1'),
    columns: {
      ...{ attempt: 1, status: 'failed', ...failure },
      ...{ assigned_at: '2024-05-01 08:00:00', started_at: '2024-05-01 08:00:01.5' },
      ...{ completed_at: '2024-05-01 08:00:02', deadline_at: '2024-05-01 09:00:00' },
    },
  });
  const task = await show(task_id);
  expect(task).toMatchObject({ task_id, status: 'running', device_id: 'worker-2', retry_count: 1, attempt: 2 });
  expect(task.assignments).toMatchObject([
    {
      ...{ attempt: 1, device_id: 'worker-1', status: 'failed', ...failure, revoked_at: null, result: null },
      ...{ assigned_at: '2024-05-01T08:00:00.000Z', started_at: '2024-05-01T08:00:01.500Z' },
      ...{ completed_at: '2024-05-01T08:00:02.000Z', deadline_at: '2024-05-01T09:00:00.000Z' },
    },
    { assignment_id, attempt: 2, device_id: 'worker-2', status: 'running', completed_at: null },
  ]);
  expect(JSON.stringify(task)).not.toContain('claim_token');
});

it('it has the payload of its handler together with the columns, where JSON wins, and the last result', async () => {
  const task_id = await addTask({
    ...{ username: 'user@example.com', app_id: '', start_date: '2024-01-01', status: 'done', attempt: 2 },
    task_data: '"{\\"username\\": \\"other\\", \\"n\\": 1}"',
  });
  const device = await addDevice('d1');
  await addAttempt({ task_id, device, columns: { status: 'failed' } });
  await addAttempt({ task_id, device, columns: { attempt: 2, status: 'completed', result: '{"rows": 0}' } });
  expect(await show(task_id)).toMatchObject({
    payload: { username: 'other', start_date: '2024-01-01', n: 1 },
    result: { rows: 0 },
    assignments: [{ status: 'failed', result: null }, { result: { rows: 0 } }],
    device_id: 'd1',
  });
  expect(await show(await addTask({ task_data: '[1]' }))).toMatchObject({ payload: null, task_data: [1] });
});

it('one that does not exist is not found, which is not what a lost database says', async () => {
  await expect(show(999_999)).rejects.toMatchObject({ code: 'E_NOT_FOUND', exitCode: 3 });
  const lost = await db.session();
  lost.destroy();
  await expect(showTask(lost, names, 1)).rejects.toMatchObject({ code: 'E_DATABASE' });
});
