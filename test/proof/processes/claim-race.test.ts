import { expect, it } from 'vitest';
import { enqueueTasks } from '../../../src/core/tasks/tasks.ts';
import { executions } from '../../helpers/ledger.ts';
import { scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

const WORKERS = 8;
const SLOTS = 10;
const TASKS = 10_000;

it(`B3 ${WORKERS} worker processes with ${SLOTS} slots run each of ${TASKS} tasks exactly once`, {
  timeout: 180_000,
}, async (test) => {
  // The test is about the race, so nobody may be taken for dead on a machine that is too busy.
  const { db, start, ledger, complaints } = await scene(test, '', {
    master: { heartbeat_timeout: 120, lock_grace: 5, lease_duration: 60, lease_trust: 40, lease_renew_interval: 1 },
    worker: { heartbeat_interval: 5, tick_interval: 0.5, max_concurrent_tasks: SLOTS },
    database: { call_timeout: 60, session_timeout: 120 },
    log: { level: 'warn' },
  });
  const session = await db.session({ deadlineMs: 60_000 });
  const { assignment, task } = db.names;
  for (let n = 0; n < TASKS; n += 1000) {
    const tasks = Array.from({ length: 1000 }, () => ({ task_type: 'work' }));
    await enqueueTasks(session, db.names, tasks, { maxRetryCount: 3 });
  }
  const workers = Array.from({ length: WORKERS }, (_, n) => start('worker', { deviceId: `racer-${n}` }));
  const open = `SELECT id FROM ${task} WHERE status IN ('pending', 'running') LIMIT 1`;
  await until(async () => (await session.rows(open)).length === 0, 150_000, 'the end of the last task');
  for (const one of workers) one.kill('SIGTERM');
  expect(await Promise.all(workers.map((one) => one.exit))).toEqual(workers.map(() => ({ code: 0, signal: null })));

  const unspent = `SELECT COUNT(*) AS n FROM ${task} WHERE status = 'done' AND retry = 0`;
  expect(await session.rows(unspent)).toEqual([{ n: TASKS }]);
  // What a starved machine prefetched and returned unbegun, by its worker or by the liveness thread of one that stood
  // still, is recorded too, and was never run.
  const [attempts] = await session.rows(
    `SELECT SUM(status = 'completed') AS completed, COUNT(DISTINCT IF(status = 'completed', task_id, NULL)) AS tasks,
       GROUP_CONCAT(DISTINCT IF(status = 'completed' OR (status = 'released' AND cause IN ('prefetched', 'blocked') AND started_at IS NULL),
         NULL, CONCAT_WS(' ', status, cause, started_at))) AS others
     FROM ${assignment}`,
  );
  expect(attempts).toEqual({ completed: TASKS, tasks: TASKS, others: null });
  const runs = executions(await ledger());
  expect(runs.size).toBe(TASKS);
  expect([...runs].filter(([, times]) => times !== 1)).toEqual([]);
  // One that stood still says so.
  expect(complaints('error').filter((line) => !line.includes('main thread has been blocked'))).toEqual([]);
});
