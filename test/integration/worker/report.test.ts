import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import { handlerSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { HandlerContext } from '../../../src/core/handlers/handler.ts';
import type { HandlerFunction } from '../../../src/core/handlers/module-loader.ts';
import { loadHandlers } from '../../../src/core/worker/load-handlers.ts';
import { FIXTURES, PATH } from '../../fixtures/handlers/command.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { meteredProxy } from '../../helpers/metered-proxy.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const PATIENCE_MS = 20_000;
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, PATIENCE_MS, `task ${id} ${status}`);
const progress = () => session.rows(`SELECT * FROM ${db.names.progress} ORDER BY task_id, attempt`);
const checkpoints = () => session.rows(`SELECT task_id, attempt, value FROM ${db.names.checkpoint}`);

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** A handler that a test leads. */
function led() {
  const calls: Array<{ ctx: HandlerContext; checkpoint: unknown; end: (result?: unknown) => void }> = [];
  const handler: HandlerFunction = ({ checkpoint }, ctx) =>
    new Promise((end) => {
      calls.push({ ctx, checkpoint, end });
    });
  const call = async (n: number) => {
    await until(() => calls.length > n, PATIENCE_MS, `call ${n} of the handler`);
    return calls[n]!;
  };
  return { handler, call };
}

describe('what an attempt reports', () => {
  it('is in the database while it runs, and the last of it after its end', async () => {
    const { handler, call } = led();
    startWorker(db, { handlers: { t: handler } });
    const id = await add();
    const { ctx, end } = await call(0);
    ctx.progress(1, 10, 'page 1');
    await until(async () => (await progress())[0]?.done === 1, PATIENCE_MS, 'the first progress');
    for (let n = 2; n <= 10; n += 1) ctx.progress(n, 10);
    ctx.metric('rows', 5);
    ctx.metric('rows', 7);
    end();
    await ended(id, 'done');
    expect(await progress()).toMatchObject([
      { task_id: id, attempt: 1, device_id: 'w1', done: 10, total: 10, message: null, begun_done: 1 },
    ]);
    expect(JSON.parse((await progress())[0]!.metrics)).toEqual({ rows: 7 });
  });

  it('costs one statement a second, for all attempts of the device', async () => {
    const proxy = await meteredProxy(db);
    try {
      const { handler, call } = led();
      startWorker(proxy.db, { handlers: { t: handler }, worker: { max_concurrent_tasks: 3 } });
      const ids = [await add(), await add(), await add()];
      const calls = await Promise.all(ids.map((_, n) => call(n)));
      const written = async (n: number) => (await progress()).filter((row) => row.done === n).length;
      for (const { ctx } of calls) ctx.progress(1);
      await until(async () => (await written(1)) === 3, PATIENCE_MS, 'three rows');
      const [{ begun }] = (await session.rows('SELECT UTC_TIMESTAMP(3) AS begun')) as [{ begun: string }];
      // Thousands of values, until three writes have been made.
      const times = new Set<string>();
      await until(
        async () => {
          for (let n = 0; n < 1000; n += 1) for (const { ctx } of calls) ctx.progress(2 + times.size);
          const rows = await progress();
          times.add(rows.map((row) => row.updated_at).join());
          return times.size > 3;
        },
        PATIENCE_MS,
        'three writes',
      );
      const [{ took }] = (await session.rows('SELECT TIMESTAMPDIFF(MICROSECOND, ?, UTC_TIMESTAMP(3)) / 1000 AS took', [
        begun,
      ])) as [{ took: number }];
      expect(took).toBeGreaterThan(1900);
      for (const [one] of [...times].map((text) => [new Set(text.split(','))])) expect(one!.size).toBe(1);
      for (const { end } of calls) end();
      for (const id of ids) await ended(id, 'done');
    } finally {
      await stopWorkers();
      await proxy.close();
    }
  });

  it('is nothing, and then there is no row, no connection and no statement', async () => {
    const proxy = await meteredProxy(db);
    try {
      startWorker(proxy.db, { handlers: { t: () => null } });
      const first = await add();
      await ended(first, 'done');
      const { connections } = proxy.now();
      const ids = [await add(), await add()];
      for (const id of ids) await ended(id, 'done');
      expect(proxy.now().connections).toBe(connections);
      expect(await progress()).toEqual([]);
      expect(proxy.kinds()).not.toContain('progress');
    } finally {
      await stopWorkers();
      await proxy.close();
    }
  });

  it('is written when the attempt fails too', async () => {
    startWorker(db, {
      handlers: {
        t: (_task, ctx) => {
          ctx.progress(3, 4, 'the third');
          throw new Error('broken');
        },
      },
    });
    const id = await add({ max_retry_count: 0 });
    await ended(id, 'failed');
    expect(await progress()).toMatchObject([{ done: 3, total: 4, message: 'the third' }]);
  });

  it('of a command is what it used', async () => {
    const { handlers, close } = await loadHandlers({
      handlers: {
        t: handlerSchema.parse({ exec: ['sh', '-c', 'n=0; while [ $n -lt 50000 ]; do n=$((n + 1)); done'] }),
      },
      ...{
        supported_tasks: undefined,
        base_dir: FIXTURES,
        env: { PATH },
        kill_grace: 1,
        onWarning: () => {},
        slots: 1,
        logOf: () => SILENT,
      },
    });
    try {
      startWorker(db, { handlers: Object.fromEntries(handlers) });
      const id = await add();
      await ended(id, 'done');
      const [row] = await progress();
      expect(row).toMatchObject({ task_id: id, attempt: 1, done: null, total: null, begun_at: null });
      expect(row!.cpu_ms ?? row!.peak_memory).toBeGreaterThan(0);
      await stopWorkers();
    } finally {
      await close();
    }
  });

  it('that cannot be stored is left out, and said once in the log of the attempt', async () => {
    const worker = startWorker(db, {
      handlers: {
        t: (_task, ctx) => {
          for (let n = 0; n < 3; n += 1) ctx.progress(Number.NaN);
          ctx.progress(1);
        },
      },
    });
    const id = await add();
    await ended(id, 'done');
    expect(await progress()).toMatchObject([{ done: 1 }]);
    const said = worker.context.lines.filter((line) => line.includes('done is NaN'));
    expect(said).toHaveLength(1);
    expect(JSON.parse(said[0]!)).toMatchObject({ task_id: id, attempt: 1 });
  });
});

describe('a checkpoint', () => {
  it('C14 is given to the next attempt, and to the one after it', async () => {
    const { handler, call } = led();
    startWorker(db, { handlers: { t: handler } });
    const id = await add({ max_retry_count: 5 });
    const first = await call(0);
    expect(first.checkpoint).toBeNull();
    await first.ctx.checkpoint({ next: 3, rest: ['b', 'a'] });
    expect(await checkpoints()).toEqual([{ task_id: id, attempt: 1, value: '{"next":3,"rest":["b","a"]}' }]);
    first.end({ status: 'failed' });
    const second = await call(1);
    expect(second.checkpoint).toEqual({ next: 3, rest: ['b', 'a'] });
    second.end({ status: 'failed' });
    const third = await call(2);
    expect(third.checkpoint).toEqual({ next: 3, rest: ['b', 'a'] });
    third.end();
    await ended(id, 'done');
    await until(async () => (await checkpoints()).length === 0, PATIENCE_MS, 'the checkpoint of a done task is gone');
  });

  it('of an attempt that another process has taken over is refused, and its handler is aborted', async () => {
    const { handler, call } = led();
    const worker = startWorker(db, { handlers: { t: handler } });
    const id = await add();
    const { ctx, end } = await call(0);
    await ctx.checkpoint('mine');
    await session.write(`UPDATE ${db.names.task} SET claim_token = ? WHERE id = ?`, [randomBytes(16), id]);
    await expect(ctx.checkpoint('late')).rejects.toThrow('no longer holds its task');
    expect(ctx.signal.reason).toBe('lost');
    ctx.progress(99);
    end();
    await worker.stop();
    expect(await checkpoints()).toMatchObject([{ value: '"mine"' }]);
    expect(await progress()).toEqual([]);
  });

  it('that nobody waited for is stored before the end is', async () => {
    startWorker(db, {
      handlers: {
        t: (_task, ctx) => {
          for (let n = 1; n <= 50; n += 1) void ctx.checkpoint(n);
          throw new Error('broken');
        },
      },
    });
    const id = await add({ max_retry_count: 0 });
    await ended(id, 'failed');
    expect(await checkpoints()).toEqual([{ task_id: id, attempt: 1, value: '50' }]);
  });

  it('after the end of its attempt is refused', async () => {
    let late: HandlerContext | undefined;
    startWorker(db, {
      handlers: {
        t: (_task, ctx) => {
          late = ctx;
        },
      },
    });
    await ended(await add(), 'done');
    await expect(late!.checkpoint(1)).rejects.toThrow('The attempt has ended.');
    expect(await checkpoints()).toEqual([]);
  });

  it('may be stored after the abort, so that a shutdown loses nothing', async () => {
    const worker = startWorker(db, {
      handlers: {
        t: (_task, ctx) =>
          new Promise((_, reject) => {
            ctx.progress(1);
            ctx.signal.addEventListener('abort', () => {
              ctx.checkpoint('on the way out').then(() => reject(new Error('stopped')), reject);
            });
          }),
      },
    });
    const id = await add();
    await until(async () => (await progress()).length === 1, PATIENCE_MS, 'it runs');
    await worker.force();
    expect(await checkpoints()).toEqual([{ task_id: id, attempt: 1, value: '"on the way out"' }]);
    expect(await task(id)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('that cannot be read fails the attempt, which is tried again', async () => {
    const { handler, call } = led();
    startWorker(db, { handlers: { t: handler } });
    const id = await add({ attempt: 1, max_retry_count: 5 });
    await session.write(
      `INSERT INTO ${db.names.checkpoint} (task_id, attempt, value, task_created_at, written_at)
       SELECT id, 1, 'no json', created_at, UTC_TIMESTAMP(3) FROM ${db.names.task} WHERE id = ?`,
      [id],
    );
    await until(async () => (await task(id)).retry > 0, PATIENCE_MS, 'a failed attempt');
    expect((await task(id)).last_error).toContain('JSON');
    await session.write(`UPDATE ${db.names.checkpoint} SET value = '7'`);
    expect((await call(0)).checkpoint).toBe(7);
    (await call(0)).end();
  });
});

describe('while the database is away', () => {
  it('the last values wait, and are written when it is back', async () => {
    const proxy = await meteredProxy(db);
    try {
      const { handler, call } = led();
      const trust = { lease_trust: 60, heartbeat_timeout: 120, lease_duration: 90 };
      startWorker(proxy.db, { handlers: { t: handler }, master: trust, worker: { on_lost_database: 'finish' } });
      const id = await add();
      const { ctx, end } = await call(0);
      await ctx.checkpoint(1);
      proxy.cut();
      const told: number[] = [];
      const waiting = [2, 3, 4].map((n) => ctx.checkpoint(n).then(() => told.push(n)));
      for (let n = 0; n < 10_000; n += 1) ctx.progress(n, 10_000);
      expect(told).toEqual([]);
      proxy.restore();
      await Promise.all(waiting);
      expect(await checkpoints()).toMatchObject([{ value: '4' }]);
      await until(async () => (await progress())[0]?.done === 9999, PATIENCE_MS, 'the last progress');
      end();
      await ended(id, 'done');
    } finally {
      await stopWorkers();
      await proxy.close();
    }
  });
});
