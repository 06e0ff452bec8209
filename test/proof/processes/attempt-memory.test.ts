import { afterEach, expect, vi } from 'vitest';
import { HeldAttempts } from '../../../src/core/worker/run/held-attempts.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

afterEach(async () => {
  await stopWorkers();
  vi.restoreAllMocks();
});

it('finding F17: a worker forgets the attempts that it finished, lost and released', async ({ db, session, rows }) => {
  const add = vi.spyOn(HeldAttempts.prototype, 'add');
  const { task, assignment } = db.names;
  for (const task_type of ['lost', 'lost', 'lost', 'done', 'done']) await rows.task({ task_type });
  const worker = startWorker(db, {
    handlers: {
      lost: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
      done: async () => ({ ok: 1 }),
    },
  });
  const events = (name: string) => worker.seen.filter((one) => one.name === name).length;
  await until(() => events('task:finished') === 2);
  const held = () => (add.mock.contexts[0] as HeldAttempts).all();
  const open = `FROM ${assignment} WHERE status IN ('assigned', 'running')`;
  await until(async () => (await session.rows(`SELECT id ${open}`)).length === 3);
  expect(held()).toHaveLength(3);
  // As a leader does that took this worker for dead.
  const taken = `status = 'cancelled', claim_token = NULL, claimed_by = NULL WHERE task_type = 'lost'`;
  await session.write(`UPDATE ${task} SET ${taken}`);
  await session.write(`UPDATE ${assignment} SET status = 'lost' WHERE status IN ('assigned', 'running')`);
  await until(() => events('task:lost') === 3);
  await until(() => held().length === 0);
  await rows.task({ task_type: 'lost' });
  await until(() => events('task:started') === 6);
  await worker.force();
  expect(held()).toEqual([]);
});
