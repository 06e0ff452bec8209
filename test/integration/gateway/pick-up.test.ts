// How a device that waits at a gateway hears of work: by rings of producers and operators. The polls of the gateway are as rare here
// as they can be, so that none of them finds the task first.
import { describe, expect } from 'vitest';
import { addTask } from '../../../src/core/tasks/tasks.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { testContext } from '../../helpers/node.ts';
import { Refusals } from '../../helpers/refusals.ts';
import { until } from '../../helpers/wait.ts';

const RARELY = { worker: { task_poll_interval: 600, heartbeat_interval: 10 }, master: { heartbeat_timeout: 120 } };
let { db, session, names, rows, gateway, get, post, register, next } = {} as GatewayApi;
let producer: ReturnType<typeof testContext>;
eachWithGateway((opened) => ({ db, session, names, rows, gateway, get, post, register, next } = opened), RARELY);
it.beforeEach(({ onTestFinished }) => {
  producer = testContext(db);
  onTestFinished(() => producer.close());
});

const waiters = (n: number) => until(() => gateway.gateway.devices.waiting.size === n);
/** The call of a plain client that waits, once it does. */
async function waiting(device_id = 'd1') {
  const before = gateway.gateway.devices.waiting.size;
  const call = next(device_id, '&wait=60');
  await waiters(before + 1);
  return { call };
}

describe('a device that waits at a gateway', () => {
  it('gets each task that is added, without a poll', async () => {
    await register();
    for (let n = 0; n < 5; n += 1) {
      const { call } = await waiting();
      const { task_id } = await addTask(producer, { task_type: 'noop' });
      expect((await call).json).toMatchObject({ task_id });
      await post(`/tasks/${task_id}/result`, { device_id: 'd1', status: 'completed' });
    }
  });

  it('gets a task that its own gateway adds, also where nothing is rung, and waits on if that is refused', async () => {
    await stopGateways();
    gateway = await startGateway(db, { ...RARELY, worker: { ...RARELY.worker, ring: { enabled: false } } });
    await gateway.call('/api/v1/devices/register', { device_id: 'd1', capabilities: { supported_tasks: ['noop'] } });
    const call = gateway.call('/api/v1/tasks/next?device_id=d1&wait=60');
    await waiters(1);
    const refusals = new Refusals(session, names);
    await refusals.of(names.task, "username = 'nobody'");
    const refused = await gateway.call('/api/v1/tasks', { task_type: 'noop', username: 'nobody' });
    await refusals.none();
    expect(refused.status).toBeGreaterThanOrEqual(400);
    await waiters(1);
    const added = await gateway.call('/api/v1/tasks', { task_type: 'noop' });
    expect(String((await call).json.task_id)).toBe(added.json.tasks[0].task_id);
  });

  it('gets a task that is directed at it, and no other does', async () => {
    for (const id of ['d1', 'd2']) await register(id);
    await waiting('d2');
    const { call } = await waiting();
    const { notifier } = await producer.producer();
    await notifier.refresh(await producer.session({ multiStatements: true }));
    const task_id = await rows.task({ task_type: 'noop', status: 'assigned', target_device_id: 'd1' });
    notifier.ringSender.ringDevice('d1');
    expect((await call).json).toMatchObject({ task_id });
    await waiters(1);
  });

  it('is forgotten when its connection is closed, and answered with 204 when the gateway stops', async () => {
    await register();
    const leave = new AbortController();
    const left = get('/tasks/next?device_id=d1&wait=60', { signal: leave.signal }).catch(() => 'left');
    await waiters(1);
    leave.abort();
    expect(await left).toBe('left');
    await waiters(0);
    const { call } = await waiting();
    const stopped = gateway.stop();
    expect((await call).status).toBe(204);
    await stopped;
  });
});
