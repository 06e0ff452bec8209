import { afterEach, describe, expect } from 'vitest';
import { handlerSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { type LoadedHandlers, loadHandlers } from '../../../src/core/worker/load-handlers.ts';
import { silentLog } from '../../fixtures/handlers/attempt.ts';
import { FIXTURES, PATH } from '../../fixtures/handlers/command.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let loaded: LoadedHandlers;

const KILL_GRACE = 0.2;
const config = (settings: object) => handlerSchema.parse({ module: 'misbehaves.mjs', ...settings });

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  loaded = await loadHandlers({
    handlers: {
      shared: config({ isolation: 'thread' }),
      process: config({ isolation: 'process' }),
      main: config({ isolation: 'none' }),
    },
    ...{ supported_tasks: undefined, base_dir: FIXTURES, env: { PATH }, kill_grace: KILL_GRACE, slots: 5 },
    ...{ onWarning: () => {}, logOf: () => silentLog },
  });
});
afterEach(async () => {
  await stopWorkers();
  await loaded.close();
});

const start = (worker: object = {}) =>
  startWorker(db, { handlers: Object.fromEntries(loaded.handlers), worker: { kill_grace: KILL_GRACE, ...worker } });
const add = (type: string, what: string, more: Record<string, unknown> = {}) =>
  insertTask(session, db.names, {
    task_type: type,
    task_data: JSON.stringify({ do: what }),
    max_retry_count: 0,
    ...more,
  });
const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, 20_000, `task ${id} ${status}`);
const causes = (id: number) =>
  session.rows(`SELECT status, cause, error_message FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [
    id,
  ]);

describe('a worker whose handlers run in threads', () => {
  it('goes on with all else while a handler loops for ever, and gets the slot back at its deadline', async () => {
    const worker = start({ max_concurrent_tasks: 2 });
    const looping = await add('shared', 'loop', { execution_timeout: 2 });
    await until(() => worker.seen.some((one) => one.name === 'task:started'), 20_000, 'the loop started');
    const neighbour = [await add('main', 'well'), await add('process', 'well')];
    for (const id of neighbour) await ended(id, 'done');
    expect((await task(looping)).status).not.toBe('failed');
    await ended(looping, 'failed');
    expect(await causes(looping)).toMatchObject([{ status: 'timeout' }]);
    const next = [await add('shared', 'well'), await add('shared', 'well')];
    for (const id of next) await ended(id, 'done');
    expect(worker.seen.filter((one) => one.name === 'task:stuck')).toEqual([]);
  });

  it('is never stuck with a handler that ignores its signal', async () => {
    const worker = start({ max_concurrent_tasks: 1 });
    const deaf = await add('process', 'ignore', { execution_timeout: 1 });
    await ended(deaf, 'failed');
    await ended(await add('process', 'well'), 'done');
    expect(worker.seen.filter((one) => one.name === 'task:stuck')).toEqual([]);
  });

  it.each([
    ['exit', /the handler called process\.exit\(0\)/],
    ['throw', /in a timer/],
  ])(
    'survives a handler that would end it (%s); what ran next to it is released, its retries unspent',
    async (what, said) => {
      start();
      const neighbour = await add('shared', 'wait');
      await until(async () => (await causes(neighbour)).length === 1, 20_000, 'the other one runs');
      const fatal = await add('shared', what);
      await ended(fatal, 'failed');
      expect(String((await causes(fatal))[0]!.error_message)).toMatch(said);
      await until(async () => (await causes(neighbour)).length === 2, 20_000, 'the other one runs again');
      expect((await causes(neighbour))[0]).toMatchObject({ status: 'released', cause: 'handler_thread' });
      expect((await task(neighbour)).retry).toBe(0);
    },
  );
});
