// A worker that knows a gateway and no database does what a worker does. The calls one by one: integration/worker/work-port.test.ts.
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { attemptLog } from '../../../src/core/db/logs/read-log.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { decodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { stopWorkers, type TestWorkerOptions } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { once, until } from '../../helpers/wait.ts';
import { eventsOf, hang, it, type Work } from '../../helpers/worked-tasks.ts';

let gateway: TestGateway;

it.beforeEach(async ({ work }) => {
  gateway = await startGateway(work.db);
});
afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
});

const handlers = { t: () => 1 };
const start = (work: Work, options: TestWorkerOptions = { handlers }) =>
  work.start({ gateways: [gateway.url], ...options });

describe('a remote worker', () => {
  it('claims what was there and what comes, runs it, and stores the result', async ({ work }) => {
    const before = await work.add({ task_data: '{"n":1}' });
    const worker = start(work, { handlers: { t: (given) => ({ got: given.task_data }) } });
    await work.ended(before);
    const after = await work.add({ task_data: '{"n":2}' });
    await work.ended(after);
    expect(await work.attempts(after)).toMatchObject([
      { device_id: 'w1', status: 'completed', result: '{"got":{"n":2}}' },
    ]);
    expect(eventsOf(worker, 'database:lost')).toEqual([]);
    expect(await work.device()).toMatchObject({ status: 'online', gateway_id: gateway.gateway.deviceId });
    await worker.stop();
    expect((await work.device()).status).toBe('offline');
  });

  it('ends a task that is cancelled, and an attempt that another process has ended, which it reports lost', async ({
    work,
  }) => {
    const [cancelled, taken] = [await work.add(), await work.add()];
    const worker = start(work, { handlers: { t: hang }, worker: { heartbeat_interval: 0.2 } });
    for (const id of [cancelled, taken]) await until(async () => (await work.attempts(id))[0]?.status === 'running');
    await cancelTask(work.session, work.names, cancelled, { by: 'alice@ops' });
    await work.ended(cancelled, 'cancelled');
    expect(await work.attempts(cancelled)).toMatchObject([{ status: 'cancelled', cause: 'revoked' }]);
    const lost = once(worker.events, 'task:lost');
    const end = `UPDATE ${work.names.assignment} SET status = 'lost', completed_at = UTC_TIMESTAMP(3) WHERE task_id = ?`;
    await work.session.write(end, [taken]);
    await work.session.write(`UPDATE ${work.names.task} SET status = 'failed', claim_token = NULL WHERE id = ?`, [
      taken,
    ]);
    expect(await lost).toMatchObject({ task_id: taken });
  });

  it('obeys the settings of the fleet', async ({ work }) => {
    const values = "('master.task_timeout', '77', 'test')";
    await work.session.write(`INSERT INTO ${work.names.setting} (name, value, updated_by) VALUES ${values}`);
    const seen: number[] = [];
    const worker = start(work, { handlers: { t: ({ timeout }) => void seen.push(timeout) } });
    await once(worker.events, 'settings:changed');
    await work.ended(await work.add());
    expect(seen).toEqual([77]);
  });

  it('writes run logs, progress and metrics, and stores a checkpoint for the next attempt', async ({ work }) => {
    const id = await work.add({ max_retry_count: 3 });
    const found: unknown[] = [];
    start(work, {
      master: { retry_backoff: { initial: 0, jitter: 0 } },
      handlers: {
        async t({ checkpoint, attempt }, ctx) {
          found.push(checkpoint);
          ctx.log.info(`attempt ${attempt} says this`);
          ctx.progress(3, 10, 'reading');
          ctx.metric('rows', 42);
          if (attempt > 1) return;
          await ctx.checkpoint({ at: 'page 3' });
          throw new Error('again');
        },
      },
    });
    await work.ended(id);
    expect(found).toEqual([null, { at: 'page 3' }]);
    const [progress] = await work.session.rows(`SELECT * FROM ${work.names.progress} ORDER BY attempt`);
    expect(progress).toMatchObject({ done: 3, total: 10, message: 'reading', metrics: '{"rows":42}' });
    const lines = await until(async () => {
      const pieces = await attemptLog(work.session, work.names, { task_id: id, attempt: 2 }, 0);
      return pieces.length > 0 && pieces.flatMap((one) => decodeLines(inflateRawSync(one.body).toString()));
    });
    expect(lines.map((one) => one.text).join()).toContain('attempt 2 says this');
    await until(async () => (await work.count(work.names.checkpoint)) === 0);
  });

  it('ends with --once after one claim, and with --drain when nothing is due', async ({ work }) => {
    await work.addMany(3);
    const run = (mode: 'once' | 'drain') => start(work, { handlers, mode, worker: { max_concurrent_tasks: 1 } }).ended;
    expect(await run('drain')).toMatchObject({ finished: { done: 3 }, reason: 'no more tasks are due' });
    // By the gateway, which therefore knows of them: what others insert it sees a moment later.
    for (const _ of ['one', 'two']) await gateway.call('/api/v1/tasks', { task_type: 't' });
    expect((await run('once')).finished).toEqual({ done: 1 });
  });

  it('is refused when its device id is in use, and ends when another process takes it over', async ({ work }) => {
    const first = start(work);
    await once(first.events, 'worker:started');
    await expect(start(work).ended).rejects.toMatchObject({ code: 'E_DEVICE_RUNNING' });
    await work.session.write(
      `UPDATE ${work.names.device} SET instance_token = REVERSE(instance_token) WHERE device_id = 'w1'`,
    );
    await expect(first.ended).rejects.toMatchObject({ code: 'E_SUPERSEDED' });
  });

  it('finds out by its token what a claim has brought whose answer is lost, and runs it once', async ({ work }) => {
    const proxy = await tcpProxy(gateway.url);
    const runs: number[] = [];
    start(work, { gateways: [proxy.url], handlers: { t: ({ task_id }) => void runs.push(task_id) } });
    const before = await work.add();
    await work.ended(before);
    const lost = proxy.loseAnswer('/exchange', '"claim":{');
    const id = await work.add();
    await lost;
    await work.ended(id);
    expect(runs).toEqual([before, id]);
    expect(await work.attempts(id)).toHaveLength(1);
  });
});
