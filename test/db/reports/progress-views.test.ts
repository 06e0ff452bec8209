import { describe, expect } from 'vitest';
import { showDevice } from '../../../src/core/db/devices/show-device.ts';
import { runningProgress } from '../../../src/core/db/reports/running-progress.ts';
import { listTasks } from '../../../src/core/db/tasks/list-tasks.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { it } from '../../helpers/fixture.ts';

it.beforeEach(async ({ given: { session, db, rows } }) => {
  await rows.worker('w1');
  const { task_id } = await rows.running('w1', { attempt: 2 });
  await rows.running('w1');
  const ended = await rows.task({ status: 'failed', attempt: 1 });
  // Half of it since 40 s, the last word 10 s ago; an earlier attempt; and one that has ended.
  await session.write(
    `INSERT INTO ${db.names.progress}
       (task_id, attempt, device_id, done, total, message, metrics, peak_memory, cpu_ms, begun_done, begun_at, updated_at)
     VALUES (?, 2, 'w1', 60, 100, 'now', '{"rows":1}', 7, 8, 20,
        UTC_TIMESTAMP(3) - INTERVAL 50 SECOND, UTC_TIMESTAMP(3) - INTERVAL 10 SECOND),
       (?, 1, 'w0', 20, 100, 'before', NULL, NULL, NULL, 0, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3)),
       (?, 1, 'w1', 3, 4, NULL, NULL, NULL, NULL, 0, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3))`,
    [task_id, task_id, ended],
  );
});

const NOW = { done: 60, total: 100, message: 'now', metrics: { rows: 1 }, peak_memory: 7, cpu_ms: 8 };

/** 40 in 40 s, 40 to go, 10 s ago; the machine may be slow. */
function expectPace(remaining: number | null | undefined): void {
  expect(remaining).toBeGreaterThan(10);
  expect(remaining).toBeLessThanOrEqual(30);
}

describe('the progress of the last attempt is shown', () => {
  it('with each task of a list, and null where there is none', async ({ session, db }) => {
    const tasks = await listTasks(session, db.names, { limit: 10 });
    expect(tasks.map((one) => one.progress)).toMatchObject([{ done: 3, remaining: null }, null, NOW]);
    expectPace(tasks[2]!.progress?.remaining);
  });

  it('with a task, and with each of its attempts that has a row', async ({ session, db }) => {
    const [, , { task_id }] = (await listTasks(session, db.names, { limit: 10 })) as [
      unknown,
      unknown,
      { task_id: number },
    ];
    const shown = await showTask(session, db.names, task_id);
    expect(shown.progress).toMatchObject(NOW);
    expect(shown.assignments).toMatchObject([{ attempt: 2, progress: NOW }]);
    expectPace(shown.assignments[0]!.progress?.remaining);
  });

  it('with what a device holds', async ({ session, db }) => {
    const { assignments } = await showDevice(session, db.names, 'w1');
    expect(assignments.map((one) => one.progress)).toMatchObject([NOW, null]);
  });

  it('of running tasks, those that spoke last, and no more than asked for', async ({ session, db, rows }) => {
    const other = await rows.running('w2');
    await session.write(
      `INSERT INTO ${db.names.progress} (task_id, attempt, device_id, done, updated_at) VALUES (?, 1, 'w2', 1, UTC_TIMESTAMP(3))`,
      [other.task_id],
    );
    const found = await runningProgress(session, db.names, 5);
    expect(found).toMatchObject([
      { task_id: other.task_id, attempt: 1, device_id: 'w2', progress: { done: 1, total: null, remaining: null } },
      { attempt: 2, device_id: 'w1', task_type: 'sync_data', progress: NOW },
    ]);
    expect(await runningProgress(session, db.names, 1)).toHaveLength(1);
  });

  it('of nothing while no running task has said how far it is', async ({ session, db }) => {
    await session.write(`UPDATE ${db.names.progress} SET done = NULL`);
    expect(await runningProgress(session, db.names, 5)).toEqual([]);
  });
});
