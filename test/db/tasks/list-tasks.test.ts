import { expect } from 'vitest';
import { listTasks } from '../../../src/core/db/tasks/list-tasks.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDevice, addRunning, addTask } from '../../helpers/rows-here.ts';

useDatabase();
const list = (filter = {}) => listTasks(session, names, { limit: 50, ...filter });
const ids = async (filter = {}) => (await list(filter)).map((task) => task.task_id);

it('listing tasks filters by status, type and device, together: the newest first, as many as asked for', async () => {
  const pending = await addTask();
  const data = await addTask({ task_type: 'sync_apps' });
  const directed = await addTask({ status: 'assigned', target_device_id: 'worker-1' });
  const { task_id: running } = await addRunning('worker-1', { attempt: 2 });
  const device = await addDevice('worker-2');
  await addAttempt({ task_id: running, device, columns: { status: 'lost' } });
  const done = { status: 'done', attempt: 1 };
  const { task_id: ended } = await addAttempt({ device, task: done, columns: { status: 'completed' } });
  expect(await ids()).toEqual([ended, running, directed, data, pending]);
  expect(await ids({ limit: 2 })).toEqual([ended, running]);
  expect(await ids({ status: 'pending' })).toEqual([data, pending]);
  expect(await ids({ task_type: 'sync_apps' })).toEqual([data]);
  expect(await ids({ device_id: 'worker-1' })).toEqual([running, directed]);
  expect(await ids({ device_id: 'worker-2' })).toEqual([ended]);
  expect(await ids({ device_id: 'worker-1', status: 'running', task_type: 'sync_data' })).toEqual([running]);
  expect(await ids({ device_id: 'worker-1', status: 'done' })).toEqual([]);
  const devices = (await list()).map((task) => task.device_id);
  expect(devices).toEqual(['worker-2', 'worker-1', null, null, null]);
});

it.for([
  ['+08:00', '2024-05-01T08:00:00.000Z'],
  ['-03:30', '2024-05-01T19:30:00.000Z'],
])('E1 listing tasks tells the same instants in a session of %s', async ([timeZone, next_run_at]) => {
  await addTask({ next_run_at: '2024-05-01 16:00:00', finished_at: '2024-05-02' });
  const [task] = await listTasks(await db.session({ timeZone: timeZone! }), names, { limit: 1 });
  expect(task).toMatchObject({ next_run_at, finished_at: '2024-05-02T00:00:00.000Z' });
});

it('listing tasks takes rows of other programs as they are: NULL everywhere, JSON in JSON', async () => {
  const nothing = { status: null, priority: null, next_run_at: null, created_at: null };
  await addTask({ ...nothing, retry: null, max_retry_count: null, updated_at: null, task_data: '"{\\"a\\": 1}"' });
  expect((await list())[0]).toMatchObject({ ...nothing, retry_count: 0, task_data: '{"a": 1}' });
});

it('G1 listing tasks an empty list means no tasks, and nothing else', async () => {
  expect(await list()).toEqual([]);
  const lost = await db.session();
  lost.destroy();
  await expect(listTasks(lost, names, { limit: 50 })).rejects.toMatchObject({ code: 'E_DATABASE' });
  const elsewhere = { ...names, task: '`no_such_table`' };
  await expect(listTasks(session, elsewhere, { limit: 50 })).rejects.toMatchObject({ code: 'E_SCHEMA' });
});
