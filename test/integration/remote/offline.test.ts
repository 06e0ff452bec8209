// No gateway answers: a remote worker goes on with what it has, keeps what it cannot deliver, and delivers it once.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { attemptLog } from '../../../src/core/db/logs/read-log.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { decodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import type { HandlerContext } from '../../../src/core/handlers/handler.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers, type TestWorker } from '../../helpers/node.ts';
import { closeProxies, type TcpProxy, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { once, until } from '../../helpers/wait.ts';

/** A busy machine must not make a lease end. */
const LONG = { heartbeat_timeout: 60 };

let db: TestDatabase;
let session: Session;
let gateway: TestGateway;
let proxy: TcpProxy;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  gateway = await startGateway(db, { master: LONG });
  proxy = await tcpProxy(gateway.url);
});
afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
});

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, 20_000, `task ${id} ${status}`);
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const journal = (worker: TestWorker): string =>
  worker.context.config.worker.journal === undefined ? '' : worker.context.config.worker.journal;
const kept = (worker: TestWorker) => {
  const folder = journal(worker);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.journal'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
};

/** A handler whose calls a test ends. */
function led() {
  const calls = new Map<number, { ctx: HandlerContext; end: (result?: unknown) => void }>();
  const handler = ({ task_id }: { task_id: number }, ctx: HandlerContext) =>
    new Promise((end) => {
      calls.set(task_id, { ctx, end });
    });
  const call = (id: number) => until(() => calls.get(id));
  return { handler, call, begun: () => [...calls.keys()] };
}

describe('a remote worker without a gateway', () => {
  it('finishes what runs, keeps the results, and delivers each once and in order', async () => {
    const { handler, call } = led();
    const ids = [await add(), await add(), await add()];
    const worker = startWorker(db, {
      ...{ gateways: [proxy.url], handlers: { t: handler }, master: LONG, worker: { max_concurrent_tasks: 3 } },
    });
    for (const id of ids) await call(id);
    for (const id of ids) await until(async () => (await attempts(id))[0]?.status === 'running');
    const gone = once(worker.events, 'database:lost');
    proxy.cut();
    expect(await gone).toMatchObject({ gateway: true });
    const order = [ids[1]!, ids[2]!, ids[0]!];
    for (const id of order) (await call(id)).end({ of: id });
    await until(() => (kept(worker).match(/"kind":"end"/g) ?? []).length === 3);
    const finished: number[] = [];
    worker.events.on('task:finished', (one) => finished.push(one.task_id));
    proxy.restore();
    for (const id of ids) await ended(id, 'done');
    await until(() => finished.length === 3);
    expect(finished).toEqual(order);
    for (const id of ids) {
      expect((await attempts(id)).map((one) => [one.status, JSON.parse(one.result)])).toEqual([
        ['completed', { of: id }],
      ]);
    }
    await until(() => kept(worker) === '');
    await ended(await addAndEnd(call), 'done');
  });

  async function addAndEnd(call: (id: number) => Promise<{ end: () => void }>): Promise<number> {
    const id = await add();
    (await call(id)).end();
    return id;
  }

  it('keeps what its attempts print, and their checkpoints', async () => {
    const { handler, call } = led();
    const id = await add();
    const worker = startWorker(db, { gateways: [proxy.url], handlers: { t: handler }, master: LONG });
    const { ctx, end } = await call(id);
    ctx.log.info('before');
    await until(async () => (await session.rows(`SELECT 1 FROM ${db.names.log}`)).length > 0);
    const gone = once(worker.events, 'database:lost');
    proxy.cut();
    await gone;
    ctx.log.info('meanwhile');
    await ctx.checkpoint({ page: 7 });
    await until(() => kept(worker).includes('"kind":"checkpoint"') && kept(worker).includes('"kind":"log"'));
    proxy.restore();
    const stored = await until(async () => (await session.rows(`SELECT * FROM ${db.names.checkpoint}`))[0]);
    expect(JSON.parse(stored.value)).toEqual({ page: 7 });
    ctx.log.info('afterwards');
    end();
    await ended(id, 'done');
    const lines = await until(async () => {
      const pieces = await attemptLog(session, db.names, { task_id: id, attempt: 1 }, 0);
      const found = pieces.flatMap((one) => decodeLines(inflateRawSync(one.body).toString())).map((one) => one.text);
      return found.length >= 3 && found;
    });
    expect(lines.map((one) => one.replace(/^.*?(before|meanwhile|afterwards).*$/, '$1'))).toEqual([
      'before',
      'meanwhile',
      'afterwards',
    ]);
  });

  it('is refused what was taken from it meanwhile, reports it lost and keeps it aside', async () => {
    const { handler, call } = led();
    const id = await add();
    const worker = startWorker(db, { gateways: [proxy.url], handlers: { t: handler }, master: LONG });
    const { end } = await call(id);
    await until(async () => (await attempts(id))[0]?.status === 'running');
    const gone = once(worker.events, 'database:lost');
    proxy.cut();
    await gone;
    await session.write(
      `UPDATE ${db.names.assignment} SET status = 'lost', completed_at = UTC_TIMESTAMP(3) WHERE task_id = ?`,
      [id],
    );
    await session.write(`UPDATE ${db.names.task} SET status = 'cancelled', claim_token = NULL WHERE id = ?`, [id]);
    end({ worth: 'keeping' });
    await until(() => kept(worker).includes('keeping'));
    const lost = once(worker.events, 'task:lost');
    proxy.restore();
    expect(await lost).toMatchObject({ task_id: id, reason: 'its attempt row already has status lost' });
    const refused = await until(() => {
      const found = readdirSync(journal(worker)).find((name) => name === 'w1.refused');
      const text = found === undefined ? '' : readFileSync(join(journal(worker), found), 'utf8');
      return text.endsWith('\n') && text;
    });
    expect(JSON.parse(refused)).toMatchObject({ task_id: id, outcome: { kind: 'done', result: { worth: 'keeping' } } });
    expect(await task(id)).toMatchObject({ status: 'cancelled' });
  });

  it('begins what it has prefetched for the outage', async () => {
    const { handler, call, begun } = led();
    const ids: number[] = [];
    for (let n = 0; n < 6; n += 1) ids.push(await add());
    const worker = startWorker(db, {
      ...{ gateways: [proxy.url], handlers: { t: handler }, master: LONG },
      worker: { max_concurrent_tasks: 2, prefetch: 3, offline_for: 600 },
    });
    await until(() => worker.seen.filter((one) => one.name === 'task:claimed').length === 5);
    const [held] = await session.rows(
      `SELECT MIN(TIMESTAMPDIFF(SECOND, assigned_at, deadline_at)) AS least FROM ${db.names.assignment}`,
    );
    expect(Number(held!.least)).toBeGreaterThanOrEqual(1800 + 600);
    const gone = once(worker.events, 'database:lost');
    proxy.cut();
    await gone;
    for (let n = 0; n < 5; n += 1) (await call(await until(() => begun()[n]))).end(n);
    await until(() => (kept(worker).match(/"kind":"end"/g) ?? []).length === 5);
    expect(begun()).toHaveLength(5);
    proxy.restore();
    (await call(await until(() => begun()[5]))).end();
    for (const id of ids) await ended(id, 'done');
    expect(worker.seen.filter((one) => one.name === 'task:lost')).toEqual([]);
  });

  it('stops what runs when its lease is over, unless it is told to finish', async () => {
    const { handler, call } = led();
    const id = await add();
    const worker = startWorker(db, {
      ...{ gateways: [proxy.url], handlers: { t: handler } },
      master: { heartbeat_timeout: 3 },
    });
    const { ctx } = await call(id);
    const over = once(worker.events, 'database:trust-over');
    proxy.cut();
    expect(await over).toEqual({ policy: 'stop', gateway: true });
    await until(() => ctx.signal.aborted);
  });
});
