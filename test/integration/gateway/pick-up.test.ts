// How a device that waits at a gateway hears of work: by rings of producers and operators. The polls of the gateway are as rare here
// as they can be, so that none of them finds the task first.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import { addTask } from '../../../src/core/tasks/tasks.ts';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { Refusals } from '../../helpers/refusals.ts';
import { until } from '../../helpers/wait.ts';

const PATIENCE_MS = 30_000;
const RARELY = { worker: { task_poll_interval: 600, heartbeat_interval: 10 }, master: { heartbeat_timeout: 120 } };
let given: Given;
let gateway: TestGateway;
let producer: ReturnType<typeof testContext>;
it.beforeEach(async ({ given: g }) => {
  given = g;
  gateway = await startGateway(given.db, RARELY);
  producer = testContext(given.db);
});
afterEach(async () => {
  await producer.close();
  await stopGateways();
});

const register = (device_id: string, more: Record<string, unknown> = {}) =>
  gateway.call('/api/v1/devices/register', { device_id, capabilities: { supported_tasks: ['noop'] }, ...more });

/** The call of a plain client that waits, once it does. */
async function waiting(device_id: string) {
  const before = gateway.gateway.devices.waiting.size;
  const call = gateway.call(`/api/v1/tasks/next?device_id=${device_id}&wait=60`);
  await until(() => gateway.gateway.devices.waiting.size === before + 1);
  return { call };
}

describe('a device that waits at a gateway', () => {
  it('gets each task that is added, without a poll', async () => {
    await register('d1');
    for (let n = 0; n < 20; n += 1) {
      const { call } = await waiting('d1');
      const { task_id } = await addTask(producer, { task_type: 'noop' });
      const { status, json } = await call;
      expect(status).toBe(200);
      expect(json.task_id).toBe(task_id);
      await gateway.call(`/api/v1/tasks/${task_id}/result`, { device_id: 'd1', status: 'completed' });
    }
  });

  it('gets a task that its own gateway adds, also where nothing is rung', async () => {
    await stopGateways();
    gateway = await startGateway(given.db, { ...RARELY, worker: { ...RARELY.worker, ring: { enabled: false } } });
    await register('d1');
    for (const more of [{}, { dedupe_key: 'k' }, { priority: 9 }]) {
      const { call } = await waiting('d1');
      const added = await gateway.call('/api/v1/tasks', { task_type: 'noop', ...more });
      expect(added.status).toBe(201);
      const { json } = await call;
      expect(String(json.task_id)).toBe(added.json.tasks[0].task_id);
      await gateway.call(`/api/v1/tasks/${json.task_id}/result`, { device_id: 'd1', status: 'completed' });
    }
  });

  it('waits on when the task that it was woken for is refused, and gets the next one', async () => {
    await register('d1');
    const { call } = await waiting('d1');
    const refusals = new Refusals(given.session, given.db.names);
    await refusals.of(given.db.names.task, "username = 'nobody'");
    const refused = await gateway.call('/api/v1/tasks', { task_type: 'noop', username: 'nobody' });
    await refusals.none();
    expect(refused.status).toBeGreaterThanOrEqual(400);
    await until(() => gateway.gateway.devices.waiting.size === 1);
    const added = await gateway.call('/api/v1/tasks', { task_type: 'noop' });
    expect(String((await call).json.task_id)).toBe(added.json.tasks[0].task_id);
  });

  it('leaves to others what there is no room for', async () => {
    await register('d1');
    await register('d2');
    const calls = [await waiting('d1'), await waiting('d2')];
    const tasks = Array.from({ length: 3 }, () => ({ task_type: 'noop' }));
    await gateway.call('/api/v1/tasks', tasks);
    const got = await Promise.all(calls.map(({ call }) => call));
    expect(got.map((one) => one.status)).toEqual([200, 200]);
    expect((await gateway.call('/api/v1/tasks/next?device_id=d1')).status).toBe(200);
  });

  it('is woken by a ring, which its gateway answers with what was claimed', async () => {
    for (const id of ['d1', 'd2', 'd3']) await register(id);
    for (const id of ['d1', 'd2', 'd3']) await waiting(id);
    const { ringSender } = (await producer.producer()).notifier;
    const answered = new Promise<number>((resolve) => {
      const ring = ringSender.ring.bind(ringSender);
      ringSender.ring = (work) => {
        const claimed = ring(work);
        void claimed.then(resolve);
        return claimed;
      };
    });
    // In time also on a busy machine.
    ringSender.answerMs = PATIENCE_MS;
    gateway.gateway.devices.near.replyWaitMs = PATIENCE_MS;
    await addTask(producer, { task_type: 'noop' });
    expect(await answered).toBe(1);
    // Those that were woken in vain wait again.
    await until(() => gateway.gateway.devices.waiting.size === 2);
  });

  it('gets a task that is directed at it, and no other does', async () => {
    for (const id of ['d1', 'd2']) await register(id);
    await waiting('d2');
    const { call } = await waiting('d1');
    const { notifier } = await producer.producer();
    await notifier.refresh(await producer.session({ multiStatements: true }));
    const task_id = await given.rows.task({ task_type: 'noop', status: 'assigned', target_device_id: 'd1' });
    notifier.ringSender.ringDevice('d1');
    expect((await call).json).toMatchObject({ task_id });
    expect(gateway.gateway.devices.waiting.size).toBe(1);
  });

  it('hears of a pause, and claims nothing until it is over', async () => {
    const instance_token = randomBytes(16).toString('hex');
    await register('r1', { remote: true, instance_token });
    const url = `/api/v1/devices/r1/wait?instance_token=${instance_token}&free=1&seconds=60`;
    const first = await gateway.call(url);
    const news = gateway.call(`${url}&after=${encodeURIComponent(first.json.cursor)}`);
    await until(() => gateway.gateway.devices.waiting.size === 1);
    const set = `UPDATE ${given.db.names.device} SET operator_state = ?, updated_at = UTC_TIMESTAMP(3) WHERE device_id = 'r1'`;
    await given.session.write(set, ['paused']);
    await gateway.gateway.devices.reads.round();
    expect((await news).json).toMatchObject({ work: false, device: { operator_state: 'paused' } });
    await addTask(producer, { task_type: 'noop' });
    const body = { instance_token, finishes: [] };
    const claim = {
      claim_token: instance_token,
      limit: 1,
      free: 1,
      types: { noop: { now: 1, later: 0, defer: false } },
    };
    await gateway.gateway.devices.reads.fresh();
    expect((await gateway.call('/api/v1/devices/r1/exchange', { ...body, claim })).json.claimed).toEqual([]);
  });

  it('gives its tasks back when its connection was closed before they were sent', async () => {
    await register('d1');
    const leave = new AbortController();
    const url = `${gateway.url}/api/v1/tasks/next?device_id=d1&wait=60`;
    const call = fetch(url, { signal: leave.signal }).catch(() => undefined);
    await until(() => gateway.gateway.devices.waiting.size === 1);
    // Between the ring and the claim: the claim finds that nobody is there.
    const task_id = await given.rows.task({ task_type: 'noop' });
    leave.abort();
    await call;
    await until(() => gateway.gateway.devices.waiting.size === 0);
    const next = await gateway.call('/api/v1/tasks/next?device_id=d1');
    void next;
    await until(async () => {
      const task = await given.rows.readTask(task_id);
      return task?.status === 'pending' || (task?.status === 'running' && next.json?.task_id === task_id);
    });
  });

  it('is answered with 204 when the gateway stops', async () => {
    await register('d1');
    const { call } = await waiting('d1');
    const stopped = gateway.stop();
    expect((await call).status).toBe(204);
    await stopped;
  });
});
