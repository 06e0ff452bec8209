import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { HandlerTask } from '../../../src/core/domain/task/task.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, 10_000, `task ${id} ${status}`);
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
/** A handler that runs until its signal aborts, or for ever. */
const hang = (_: unknown, ctx: { signal: AbortSignal }) =>
  new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('aborted'))));

describe('a worker', () => {
  it('gives the handler columns overlaid by task_data, and stores its result', async () => {
    const id = await add({
      username: 'u@example.com',
      app_id: 'a',
      start_date: '2024-01-01',
      task_data: '{"app_id":"b","n":1}',
      priority: 7,
    });
    const tasks: unknown[] = [];
    startWorker(db, {
      handlers: {
        t: (given) => {
          tasks.push(given);
          return { rows: 3 };
        },
      },
    });
    await ended(id, 'done');
    expect(tasks).toEqual([
      {
        task_id: id,
        task_type: 't',
        task_data: { username: 'u@example.com', app_id: 'b', start_date: '2024-01-01', n: 1 },
        priority: 7,
        timeout: 1800,
        retry_count: 0,
        attempt: 1,
        checkpoint: null,
      },
    ]);
    const [attempt] = await attempts(id);
    expect(JSON.parse(attempt!.result)).toEqual({ rows: 3 });
  });

  it('finds a task that a foreign program inserts while it idles', async () => {
    const worker = startWorker(db, { handlers: { t: () => 1 }, worker: { leader: true } });
    await once(worker.events, 'worker:started');
    await until(() => worker.seen.some((one) => one.name === 'device:heartbeat'));
    const id = await add();
    await ended(id, 'done');
  });

  it('retries a failed attempt until its budget is spent, then leaves it failed', async () => {
    const id = await add({ max_retry_count: 2 });
    startWorker(db, {
      handlers: {
        t: () => {
          throw new Error('no luck');
        },
      },
    });
    await ended(id, 'failed');
    expect(await task(id)).toMatchObject({ retry: 3, attempt: 3, last_error: 'no luck' });
    expect((await attempts(id)).map((one) => one.status)).toEqual(['failed', 'failed', 'failed']);
  });

  it('with max_retry_count 0 tries once', async () => {
    const id = await add({ max_retry_count: 0 });
    let runs = 0;
    startWorker(db, { handlers: { t: () => Promise.reject(new Error(`run ${++runs}`)) } });
    await ended(id, 'failed');
    expect(runs).toBe(1);
  });

  it('ends an attempt at its timeout, spending one of the budget', async () => {
    const id = await add({ max_retry_count: 0 });
    startWorker(db, { handlers: { t: { call: hang, timeout: 0.2 } } });
    await ended(id, 'failed');
    expect((await attempts(id))[0]).toMatchObject({ status: 'timeout', error_class: 'timeout' });
  });

  it("prefers the task's own timeout to the handler's", async () => {
    const id = await add({ max_retry_count: 0, execution_timeout: 1 });
    startWorker(db, { handlers: { t: { call: hang, timeout: 1000 } } });
    await ended(id, 'failed');
  });

  it('keeps the slot of a handler that ignores its signal, and says that it is stuck', async () => {
    let release = () => {};
    const id = await add({ max_retry_count: 0 });
    const worker = startWorker(db, {
      worker: { max_concurrent_tasks: 1, kill_grace: 0.05 },
      handlers: {
        t: {
          call: (given: HandlerTask) => (given.task_id === id ? new Promise<void>((done) => (release = done)) : 1),
          timeout: 0.1,
        },
      },
    });
    await once(worker.events, 'task:stuck');
    await ended(id, 'failed');
    const next = await add();
    await once(worker.events, 'device:heartbeat');
    await once(worker.events, 'device:heartbeat');
    expect((await task(next)).status).toBe('pending');
    release();
    await ended(next, 'done');
  });

  it('ends with E_STUCK when all slots are stuck for longer than stuck_timeout', async () => {
    await add({ max_retry_count: 0 });
    const worker = startWorker(db, {
      worker: { max_concurrent_tasks: 1, kill_grace: 0.05, stuck_timeout: 0.2 },
      handlers: { t: { call: () => new Promise(() => {}), timeout: 0.1 } },
    });
    await expect(worker.ended).rejects.toMatchObject({ code: 'E_STUCK', exitCode: 1 });
  });

  it('inserts follow-up tasks with the finish, and runs them', async () => {
    const id = await add({ username: 'parent' });
    const names: unknown[] = [];
    startWorker(db, {
      handlers: {
        t: (given, ctx) => {
          for (const n of [1, 2, 3]) ctx.enqueue({ task_type: 'child', username: `c${n}`, dedupe_key: `k${n}` });
          return given.task_id;
        },
        child: (given) => names.push(given.task_data.username),
      },
    });
    await ended(id, 'done');
    await until(() => names.length === 3);
    const children = await session.rows(`SELECT parent_id FROM ${db.names.task} WHERE task_type = 'child'`);
    expect(children.map((one) => one.parent_id)).toEqual([id, id, id]);
  });

  it('turns a follow-up task that the database refuses into a failed attempt, and writes the other ends', async () => {
    const bad = await add({ max_retry_count: 0, username: 'bad' });
    const good = await add();
    const worker = startWorker(db, {
      handlers: {
        t: (given, ctx) => {
          if (given.task_data.username === 'bad') ctx.enqueue({ task_type: 'x', start_date: '2024-02-31' });
          return 1;
        },
      },
    });
    await ended(good, 'done');
    await ended(bad, 'failed');
    await worker.stop();
    expect((await task(bad)).last_error).toMatch(/start_date|2024-02-31/);
  });

  it('leaves tasks of types that it has no handler for', async () => {
    const other = await add({ task_type: 'other' });
    const id = await add();
    startWorker(db, { handlers: { t: () => 1 } });
    await ended(id, 'done');
    expect((await task(other)).status).toBe('pending');
  });

  it('runs at most as many tasks at once as it has slots', async () => {
    const ids = await Promise.all(Array.from({ length: 9 }, () => add()));
    let [now, most] = [0, 0];
    startWorker(db, {
      worker: { max_concurrent_tasks: 3 },
      handlers: {
        t: async () => {
          now += 1;
          most = Math.max(most, now);
          await new Promise((done) => setImmediate(done));
          now -= 1;
        },
      },
    });
    for (const id of ids) await ended(id, 'done');
    expect(most).toBe(3);
  });

  it('takes better ranks first', async () => {
    const order: unknown[] = [];
    for (const priority of [1, 5, 10, 7]) await add({ priority });
    const worker = startWorker(db, {
      mode: 'drain',
      worker: { max_concurrent_tasks: 1 },
      handlers: { t: (given) => order.push(given.priority) },
    });
    await worker.ended;
    expect(order).toEqual([10, 7, 5, 1]);
  });

  it('writes a longer attempt as running, with its start', async () => {
    const id = await add();
    const worker = startWorker(db, { handlers: { t: hang } });
    await until(async () => (await attempts(id))[0]?.status === 'running');
    expect((await attempts(id))[0]!.started_at).not.toBeNull();
    await worker.force();
    expect(await task(id)).toMatchObject({ status: 'pending', retry: 0 });
    expect((await attempts(id))[0]).toMatchObject({ status: 'released', cause: 'shutdown' });
  });

  it('drains: finishes what runs, claims nothing more, and signs off', async () => {
    let finish = () => {};
    const first = await add();
    const worker = startWorker(db, {
      worker: { max_concurrent_tasks: 1 },
      handlers: { t: () => new Promise<void>((done) => (finish = done)) },
    });
    await once(worker.events, 'task:started');
    const second = await add();
    const stopping = worker.stop();
    await once(worker.events, 'worker:draining');
    finish();
    expect(await stopping).toMatchObject({ inTime: true, finished: { done: 1 } });
    expect((await task(first)).status).toBe('done');
    expect((await task(second)).status).toBe('pending');
    const [device] = await session.rows(`SELECT status, current_tasks FROM ${db.names.device}`);
    expect(device).toMatchObject({ status: 'offline', current_tasks: 0 });
  });

  it('once: claims once and ends when that is finished; drain: goes on until nothing is due', async () => {
    for (let n = 0; n < 5; n += 1) await add();
    const handlers = { t: () => 1 };
    const first = startWorker(db, { mode: 'once', worker: { max_concurrent_tasks: 2 }, handlers });
    expect((await first.ended).finished).toEqual({ done: 2 });
    const second = startWorker(db, { mode: 'drain', worker: { max_concurrent_tasks: 2 }, handlers });
    expect((await second.ended).finished).toEqual({ done: 3 });
    const third = startWorker(db, { mode: 'once', handlers });
    expect((await third.ended).finished).toEqual({});
  });

  it('runs a task that was directed at it, and not one that was directed at another device', async () => {
    const mine = await add({ status: 'assigned', target_device_id: 'w1' });
    const theirs = await add({ status: 'assigned', target_device_id: 'w2' });
    startWorker(db, { handlers: { t: () => 1 } });
    await ended(mine, 'done');
    expect((await task(theirs)).status).toBe('assigned');
  });
});

describe('an operator', () => {
  it('cancels a running task: its handler is aborted, the attempt and the task end as cancelled', async () => {
    const id = await add();
    const worker = startWorker(db, { handlers: { t: hang } });
    await once(worker.events, 'task:started');
    await session.write(
      `UPDATE ${db.names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoke_outcome = 'cancelled' WHERE task_id = ?`,
      [id],
    );
    await ended(id, 'cancelled');
    expect((await attempts(id))[0]).toMatchObject({ status: 'cancelled', cause: 'revoked' });
  });

  it('reassigns a running task to another device: no second copy starts before the first has ended', async () => {
    const id = await add();
    const order: string[] = [];
    const first = startWorker(db, {
      handlers: {
        t: (_, ctx) =>
          new Promise((_resolve, reject) =>
            ctx.signal.addEventListener('abort', () => {
              order.push('w1 ends');
              reject(new Error('aborted'));
            }),
          ),
      },
    });
    await once(first.events, 'task:started');
    const second = startWorker(db, { deviceId: 'w2', handlers: { t: () => order.push('w2 begins') } });
    await once(second.events, 'worker:started');
    await session.write(`UPDATE ${db.names.task} SET target_device_id = 'w2' WHERE id = ?`, [id]);
    await session.write(
      `UPDATE ${db.names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoke_outcome = 'released' WHERE task_id = ?`,
      [id],
    );
    await ended(id, 'done');
    expect(order).toEqual(['w1 ends', 'w2 begins']);
    expect((await attempts(id)).map((one) => [one.device_id, one.status])).toEqual([
      ['w1', 'released'],
      ['w2', 'completed'],
    ]);
    expect((await task(id)).retry).toBe(0);
  });
});
