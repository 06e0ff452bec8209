import { tmpdir } from 'node:os';
import { expect } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import { waitForTasks } from '../../src/core/tasks/wait-for-tasks.ts';
import { runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { testContext } from '../helpers/node.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const add = (status = 'pending', columns = {}) => insertTask(session, db.names, { status, ...columns });
const wait = async (...args: (string | number)[]) => {
  const run = await runCommand(['tasks', 'wait', ...args.map(String), '--json'], {
    cwd: tmpdir(),
    env: { AFD_DATABASE_URL: db.url },
  });
  return { ...run, json: JSON.parse(run.stdout) };
};

it('is exit 0 with the final states when all are done, in the order that was asked', async () => {
  const [a, b] = [await add('done', { attempt: 1 }), await add('done', { attempt: 3 })];
  const { code, json } = await wait(b, a, b);
  expect(code).toBe(0);
  expect(json).toEqual({
    tasks: [
      { task_id: b, status: 'done', attempt: 3, last_error: null, finished_at: null },
      { task_id: a, status: 'done', attempt: 1, last_error: null, finished_at: null },
    ],
  });
});

it('is exit 8 when one ended without success, after all have ended, and says why', async () => {
  const [done, failed] = [await add('done'), await add('failed', { last_error: 'boom\nstack' })];
  const one = await wait(failed);
  expect(one.code).toBe(8);
  expect(one.json.error).toMatchObject({ code: 'E_TASK_FAILED', message: `Task ${failed} ended as failed: boom.` });
  const two = await wait(done, failed, await add('cancelled'));
  expect(two.json.error.data.tasks.map((task: { status: string }) => task.status)).toEqual([
    'done',
    'failed',
    'cancelled',
  ]);
});

it('is exit 7 when one has not ended in time, with the states so far', async () => {
  const [done, open] = [await add('done'), await add('pending')];
  const { code, json } = await wait(done, open, '--timeout', '50ms');
  expect(code).toBe(7);
  expect(json.error).toMatchObject({
    code: 'E_TIMED_OUT',
    data: {
      tasks: [
        { task_id: done, status: 'done' },
        { task_id: open, status: 'pending' },
      ],
    },
  });
});

it('is exit 3 for a task that is not there, before any waiting', async () => {
  const { code, json } = await wait(await add('pending'), 999_999);
  expect(code).toBe(3);
  expect(json.error.data).toEqual({ task_ids: [999_999] });
});

it('sees a task that ends meanwhile, and sits out a lost connection', async () => {
  const id = await add('running');
  const context = testContext(db);
  let open: Session | undefined;
  const tampered = {
    ...context,
    async session() {
      open = await context.session();
      return open;
    },
  };
  const ended = waitForTasks(tampered, [id], 20);
  await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ? AND status <> 'done'`, [id + 1]);
  while (open === undefined) await session.ping();
  open.destroy();
  await session.write(`UPDATE ${db.names.task} SET status = 'done', finished_at = '2026-01-02' WHERE id = ?`, [id]);
  expect(await ended).toEqual([
    { task_id: id, status: 'done', attempt: 0, last_error: null, finished_at: '2026-01-02T00:00:00.000Z' },
  ]);
  await context.close();
});
