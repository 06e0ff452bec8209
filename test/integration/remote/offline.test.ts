// No gateway answers: a remote worker goes on with what it has, keeps what it cannot deliver, and delivers it once.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { attemptLog } from '../../../src/core/db/logs/read-log.ts';
import { decodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import type { HandlerContext } from '../../../src/core/handlers/handler.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { stopWorkers, type TestWorkerOptions } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { once, until } from '../../helpers/wait.ts';
import { eventsOf, it, type Work } from '../../helpers/worked-tasks.ts';

/** A busy machine must not make a lease end. */
const LONG = { heartbeat_timeout: 60 };

afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
});

/** A remote worker whose calls of the handler a test ends. */
async function remote(work: Work, options: TestWorkerOptions = {}) {
  const gateway = await startGateway(work.db, { master: LONG });
  const proxy = await tcpProxy(gateway.url);
  const calls = new Map<number, { ctx: HandlerContext; end: (result?: unknown) => void }>();
  const worker = work.start({
    gateways: [proxy.url],
    handlers: { t: ({ task_id }, ctx) => new Promise((end) => calls.set(task_id, { ctx, end })) },
    ...{ master: LONG, ...options },
  });
  const call = (id: number) => until(() => calls.get(id));
  const folder = worker.context.config.worker.journal!;
  /** What is in its journal. */
  const kept = () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.journal'));
    return names.map((name) => readFileSync(join(folder, name), 'utf8')).join('');
  };
  const keeps = (n: number, kind: string) => until(() => kept().split(`"kind":"${kind}"`).length === n + 1);
  async function cut(): Promise<void> {
    const gone = once(worker.events, 'database:lost');
    proxy.cut();
    expect(await gone).toMatchObject({ gateway: true });
  }
  return { worker, call, begun: () => [...calls.keys()], folder, kept, keeps, cut, restore: () => proxy.restore() };
}

describe('a remote worker without a gateway', () => {
  it('finishes what runs, keeps the results, and delivers each once and in order', async ({ work }) => {
    const ids = await work.addMany(3);
    const { worker, call, kept, keeps, cut, restore } = await remote(work, { worker: { max_concurrent_tasks: 3 } });
    for (const id of ids) await until(async () => (await work.attempts(id))[0]?.status === 'running');
    await cut();
    const order = [ids[1]!, ids[2]!, ids[0]!];
    for (const id of order) (await call(id)).end({ of: id });
    await keeps(3, 'end');
    const finished: number[] = [];
    worker.events.on('task:finished', (one) => finished.push(one.task_id));
    restore();
    await work.ended(ids);
    await until(() => finished.length === 3);
    expect(finished).toEqual(order);
    for (const id of ids)
      expect(await work.attempts(id)).toMatchObject([{ status: 'completed', result: `{"of":${id}}` }]);
    await until(() => kept() === '');
  });

  it('keeps what its attempts print, and their checkpoints', async ({ work }) => {
    const id = await work.add();
    const { call, keeps, cut, restore } = await remote(work);
    const { ctx, end } = await call(id);
    ctx.log.info('before');
    await until(async () => (await work.count(work.names.log)) > 0);
    await cut();
    ctx.log.info('meanwhile');
    await ctx.checkpoint({ page: 7 });
    await keeps(1, 'checkpoint');
    await keeps(1, 'log');
    restore();
    const stored = await until(async () => (await work.session.rows(`SELECT * FROM ${work.names.checkpoint}`))[0]);
    expect(JSON.parse(stored.value)).toEqual({ page: 7 });
    ctx.log.info('afterwards');
    end();
    await work.ended(id);
    const lines = await until(async () => {
      const pieces = await attemptLog(work.session, work.names, { task_id: id, attempt: 1 }, 0);
      const found = pieces.flatMap((one) => decodeLines(inflateRawSync(one.body).toString())).map((one) => one.text);
      return found.length >= 3 && found;
    });
    expect(lines.map((one) => /before|meanwhile|afterwards/.exec(one)?.[0])).toEqual([
      'before',
      'meanwhile',
      'afterwards',
    ]);
  });

  it('is refused what was taken from it meanwhile, reports it lost and keeps it aside', async ({ work }) => {
    const id = await work.add();
    const { worker, call, folder, keeps, cut, restore } = await remote(work);
    const { end } = await call(id);
    await until(async () => (await work.attempts(id))[0]?.status === 'running');
    await cut();
    const { session, names } = work;
    await session.write(`UPDATE ${names.assignment} SET status = 'lost', completed_at = UTC_TIMESTAMP(3)`);
    await session.write(`UPDATE ${names.task} SET status = 'cancelled', claim_token = NULL`);
    end({ worth: 'keeping' });
    await keeps(1, 'end');
    const lost = once(worker.events, 'task:lost');
    restore();
    expect(await lost).toMatchObject({ task_id: id, reason: 'its attempt row already has status lost' });
    const aside = join(folder, 'w1.refused');
    const refused = await until(() => existsSync(aside) && /^.*\n$/.exec(readFileSync(aside, 'utf8'))?.[0]);
    expect(JSON.parse(refused)).toMatchObject({ task_id: id, outcome: { kind: 'done', result: { worth: 'keeping' } } });
    expect((await work.task(id)).status).toBe('cancelled');
  });

  it('begins what it has prefetched for the outage', async ({ work }) => {
    const ids = await work.addMany(6);
    const { worker, call, begun, keeps, cut, restore } = await remote(work, {
      worker: { max_concurrent_tasks: 2, prefetch: 3, offline_for: 600 },
    });
    await until(() => eventsOf(worker, 'task:claimed').length === 5);
    const [held] = await work.session.rows(
      `SELECT MIN(TIMESTAMPDIFF(SECOND, assigned_at, deadline_at)) AS least FROM ${work.names.assignment}`,
    );
    expect(Number(held!.least)).toBeGreaterThanOrEqual(1800 + 600);
    await cut();
    for (let n = 0; n < 5; n += 1) (await call(await until(() => begun()[n]))).end(n);
    await keeps(5, 'end');
    expect(begun()).toHaveLength(5);
    restore();
    (await call(await until(() => begun()[5]))).end();
    await work.ended(ids);
    expect(eventsOf(worker, 'task:lost')).toEqual([]);
  });

  it('stops what runs when its lease is over, unless it is told to finish', async ({ work }) => {
    const id = await work.add();
    const { worker, call, cut } = await remote(work, { master: { heartbeat_timeout: 3 } });
    const { ctx } = await call(id);
    const over = once(worker.events, 'database:trust-over');
    await cut();
    expect(await over).toEqual({ policy: 'stop', gateway: true });
    await until(() => ctx.signal.aborted);
  });
});
