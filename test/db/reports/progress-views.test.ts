import { expect } from 'vitest';
import { showDevice } from '../../../src/core/db/devices/show-device.ts';
import { runningProgress } from '../../../src/core/db/reports/running-progress.ts';
import { listTasks } from '../../../src/core/db/tasks/list-tasks.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addRunning, addTask, addWorker } from '../../helpers/rows-here.ts';

useDatabase();

it('the progress of the last attempt is shown with a list, a task, a device, and of those that spoke last', async () => {
  await addWorker('w1');
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
