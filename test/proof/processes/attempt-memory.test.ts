import { afterEach, expect, vi } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { HeldAttempts } from '../../../src/core/worker/run/held-attempts.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(async () => {
  await stopWorkers();
  vi.restoreAllMocks();
});

it('finding F17: a worker forgets the attempts that it lost, as those that it finished', async () => {
  const add = vi.spyOn(HeldAttempts.prototype, 'add');
  const { task, assignment } = db.names;
  const ids: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    ids.push(await insertTask(session, db.names, { task_type: n < 3 ? 'lost' : 'done', task_data: '{"big": "…"}' }));
  }
  const worker = startWorker(db, {
    handlers: {
      lost: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
      done: async () => ({ ok: 1 }),
    },
  });
  const events = (name: string) => worker.seen.filter((one) => one.name === name).length;
  await until(() => events('task:finished') === 2);
  const held = add.mock.contexts[0] as HeldAttempts;
  const running = async () =>
    (await session.rows(`SELECT id FROM ${assignment} WHERE status IN ('assigned', 'running')`)).length === 3;
  await until(running, 10_000, 'rows of the three that run');
  expect(held.all()).toHaveLength(3);
  // As a leader does that took this worker for dead.
  await session.write(
    `UPDATE ${task} SET status = 'cancelled', claim_token = NULL, claimed_by = NULL WHERE task_type = 'lost'`,
  );
  await session.write(`UPDATE ${assignment} SET status = 'lost' WHERE status IN ('assigned', 'running')`);
  await until(() => events('task:lost') === 3);
  await until(() => held.all().length === 0, 10_000, 'nothing held');
});

it('a worker forgets the attempts that it released', async () => {
  const add = vi.spyOn(HeldAttempts.prototype, 'add');
  await insertTask(session, db.names, { task_type: 't' });
  const worker = startWorker(db, {
    handlers: {
      t: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
    },
  });
  await until(() => worker.seen.some((one) => one.name === 'task:started'));
  await worker.force();
  const held = add.mock.contexts[0] as HeldAttempts;
  expect(held.all()).toEqual([]);
});
