// A worker that knows a gateway and no database does what a worker does.
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { attemptLog } from '../../../src/core/db/logs/read-log.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { decodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers, type TestWorkerOptions } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let gateway: TestGateway;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  gateway = await startGateway(db);
});
afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
});

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const device = async (id = 'w1') =>
  (await session.rows(`SELECT * FROM ${db.names.device} WHERE device_id = ?`, [id]))[0]!;
const ended = (id: number, status: string) =>
  until(async () => (await task(id)).status === status, 20_000, `task ${id} ${status}`);
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const start = (options: TestWorkerOptions) => startWorker(db, { gateways: [gateway.url], ...options });
const setState = (state: string) =>
  session.write(
    `UPDATE ${db.names.device} SET operator_state = ?, updated_at = UTC_TIMESTAMP(3) WHERE device_id = 'w1'`,
    [state],
  );
/** Until its signal aborts. */
const hang = (_: unknown, ctx: { signal: AbortSignal }) =>
  new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('aborted'))));

describe('a remote worker', () => {
  it('claims what was there and what comes, runs it, and stores the result', async () => {
    const before = await add({ task_data: '{"n":1}' });
    const worker = start({ handlers: { t: (given) => ({ got: given.task_data }) } });
    await ended(before, 'done');
    const after = await add({ task_data: '{"n":2}' });
    await ended(after, 'done');
    expect(JSON.parse((await attempts(after))[0]!.result)).toEqual({ got: { n: 2 } });
    expect((await attempts(after))[0]).toMatchObject({ device_id: 'w1', status: 'completed' });
    expect(worker.seen.some((one) => one.name === 'database:lost')).toBe(false);
    expect(await device()).toMatchObject({ status: 'online', gateway_id: gateway.gateway.deviceId });
    await worker.stop();
    expect(await device()).toMatchObject({ status: 'offline' });
  });

  it('runs hundreds of short tasks in its slots, each once', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 400; n += 1) ids.push(await add());
    const runs = new Map<number, number>();
    const count = ({ task_id }: { task_id: number }) => void runs.set(task_id, (runs.get(task_id) ?? 0) + 1);
    start({ handlers: { t: count }, worker: { max_concurrent_tasks: 10 } });
    await until(async () => {
      const [row] = await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task} WHERE status = 'done'`);
      return row!.n === ids.length;
    });
    expect([...runs.values()].every((n) => n === 1)).toBe(true);
    expect(runs.size).toBe(ids.length);
  });

  it('retries what fails, enqueues what a result asks for, and keeps a payload that comes apart', async () => {
    const failing = await add({ task_type: 'fail', max_retry_count: 1 });
    const parent = await add({ task_type: 'parent', task_data: JSON.stringify({ long: 'x'.repeat(40_000) }) });
    const seen: unknown[] = [];
    start({
      master: { retry_backoff: { initial: 0, jitter: 0 } },
      handlers: {
        fail: () => {
          throw new Error('no luck');
        },
        parent: ({ task_data }, ctx) => {
          seen.push((task_data as { long: string }).long.length);
          ctx.enqueue([{ task_type: 'child', task_data: { n: 7 } }]);
        },
        child: ({ task_data }) => void seen.push(task_data),
      },
    });
    await Promise.all([ended(failing, 'failed'), ended(parent, 'done')]);
    await until(() => seen.length === 2);
    expect(seen).toEqual([40_000, { n: 7 }]);
    expect((await attempts(failing)).map((one) => one.status)).toEqual(['failed', 'failed']);
  });

  it('ends a task that is cancelled', async () => {
    const id = await add();
    start({ handlers: { t: hang } });
    await ended(id, 'running');
    await until(async () => (await attempts(id))[0]?.status === 'running');
    await cancelTask(session, db.names, id, { by: 'alice@ops' });
    await ended(id, 'cancelled');
    expect((await attempts(id))[0]).toMatchObject({ status: 'cancelled', cause: 'revoked' });
  });

  it('ends an attempt that another process has ended, and reports it lost', async () => {
    const id = await add();
    const worker = start({ handlers: { t: hang }, worker: { heartbeat_interval: 0.2 } });
    await until(async () => (await attempts(id))[0]?.status === 'running');
    const lost = once(worker.events, 'task:lost');
    await session.write(
      `UPDATE ${db.names.assignment} SET status = 'lost', completed_at = UTC_TIMESTAMP(3) WHERE task_id = ?`,
      [id],
    );
    await session.write(`UPDATE ${db.names.task} SET status = 'failed', claim_token = NULL WHERE id = ?`, [id]);
    expect(await lost).toMatchObject({ task_id: id });
  });

  it('claims nothing while it is paused, and goes on when it is resumed', async () => {
    const worker = start({ handlers: { t: () => 1 } });
    await once(worker.events, 'worker:started');
    const paused = once(worker.events, 'device:operator-state', (one) => one.operator_state === 'paused');
    await setState('paused');
    await paused;
    const id = await add();
    // Another device finds the task first: the gateway has seen it, and given it to none.
    const other = start({ deviceId: 'w2', handlers: { t: () => 2 } });
    await ended(id, 'done');
    expect((await attempts(id))[0]).toMatchObject({ device_id: 'w2' });
    await other.stop();
    const second = await add();
    await setState('active');
    await ended(second, 'done');
    expect((await attempts(second))[0]).toMatchObject({ device_id: 'w1' });
  });

  it('obeys the settings of the fleet', async () => {
    await session.write(
      `INSERT INTO ${db.names.setting} (name, value, updated_by) VALUES ('master.task_timeout', '77', 'test')`,
    );
    const seen: number[] = [];
    const worker = start({ handlers: { t: ({ timeout }) => void seen.push(timeout) } });
    await once(worker.events, 'settings:changed');
    const id = await add();
    await ended(id, 'done');
    expect(seen).toEqual([77]);
  });

  it('writes run logs, progress and metrics, and stores a checkpoint for the next attempt', async () => {
    const id = await add({ max_retry_count: 3 });
    const found: unknown[] = [];
    start({
      master: { retry_backoff: { initial: 0, jitter: 0 } },
      handlers: {
        async t({ checkpoint, attempt }, ctx) {
          found.push(checkpoint);
          ctx.log.info(`attempt ${attempt} says this`);
          ctx.progress(3, 10, 'reading');
          ctx.metric('rows', 42);
          if (attempt > 1) return { ok: true };
          await ctx.checkpoint({ at: 'page 3' });
          throw new Error('again');
        },
      },
    });
    await ended(id, 'done');
    expect(found).toEqual([null, { at: 'page 3' }]);
    const [progress] = await session.rows(`SELECT * FROM ${db.names.progress} WHERE task_id = ? AND attempt = 1`, [id]);
    expect(progress).toMatchObject({ done: 3, total: 10, message: 'reading' });
    expect(JSON.parse(progress!.metrics)).toEqual({ rows: 42 });
    const lines = await until(async () => {
      const pieces = await attemptLog(session, db.names, { task_id: id, attempt: 2 }, 0);
      const found = pieces.flatMap((one) => decodeLines(inflateRawSync(one.body).toString()));
      return found.length > 0 && found.map((one) => one.text);
    });
    expect(lines.join()).toContain('attempt 2 says this');
    await until(async () => (await session.rows(`SELECT 1 FROM ${db.names.checkpoint}`)).length === 0);
  });

  it('ends with --once after one claim, and with --drain when nothing is due', async () => {
    const ids = [await add(), await add(), await add()];
    const drained = await start({ handlers: { t: () => 1 }, mode: 'drain', worker: { max_concurrent_tasks: 1 } }).ended;
    expect(drained).toMatchObject({ finished: { done: 3 }, reason: 'no more tasks are due' });
    for (const id of ids) expect((await task(id)).status).toBe('done');
    // By the gateway, which therefore knows of them: what others insert it sees a moment later.
    for (const _ of ['one', 'two']) await gateway.call('/api/v1/tasks', { task_type: 't' });
    const once1 = await start({ handlers: { t: () => 1 }, mode: 'once', worker: { max_concurrent_tasks: 1 } }).ended;
    expect(once1.finished).toEqual({ done: 1 });
    const idle = await start({ deviceId: 'w9', handlers: { other: () => 1 }, mode: 'drain' }).ended;
    expect(idle).toMatchObject({ finished: {} });
  });

  it('is refused when its device id is in use, and ends when another process takes it over', async () => {
    const first = start({ handlers: { t: () => 1 } });
    await once(first.events, 'worker:started');
    const second = start({ handlers: { t: () => 1 } });
    await expect(second.ended).rejects.toMatchObject({ code: 'E_DEVICE_RUNNING' });
    await session.write(
      `UPDATE ${db.names.device} SET instance_token = REVERSE(instance_token) WHERE device_id = 'w1'`,
    );
    await expect(first.ended).rejects.toMatchObject({ code: 'E_SUPERSEDED' });
  });
});

describe('gateways that fail', () => {
  it('goes on with the second gateway when the first one ends', async () => {
    const other = await startGateway(db);
    const worker = start({ gateways: [gateway.url, other.url], handlers: { t: () => 1 } });
    await ended(await add(), 'done');
    await gateway.stop();
    await ended(await add(), 'done');
    expect(worker.seen.filter((one) => one.name === 'task:lost')).toEqual([]);
    await until(async () => (await device()).gateway_id === other.gateway.deviceId);
  });

  it('goes on with the second gateway when the first one hangs', async () => {
    const other = await startGateway(db);
    const proxy = await tcpProxy(gateway.url);
    start({
      ...{ gateways: [proxy.url, other.url], handlers: { t: () => 1 } },
      worker: { heartbeat_interval: 0.5 },
      database: { call_timeout: 1 },
    });
    await ended(await add(), 'done');
    proxy.freeze();
    await ended(await add(), 'done');
  });

  it('finds out by its token what a claim has brought whose answer is lost, and runs it once', async () => {
    const proxy = await tcpProxy(gateway.url);
    const runs: number[] = [];
    const worker = start({ gateways: [proxy.url], handlers: { t: ({ task_id }) => void runs.push(task_id) } });
    await once(worker.events, 'worker:started');
    await ended(await add(), 'done');
    const lost = proxy.loseAnswer('/exchange', '"claim":{');
    const id = await add();
    await lost;
    await ended(id, 'done');
    expect(runs.filter((one) => one === id)).toEqual([id]);
    expect(await attempts(id)).toHaveLength(1);
  });
});
