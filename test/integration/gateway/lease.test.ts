import { type ClientRequest, get } from 'node:http';
import { afterEach, describe, expect, onTestFinished } from 'vitest';
import { runLeader } from '../../../src/core/leader/run-leader.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

/** No lease is written a second time within a test for its age alone. */
const LONG = { heartbeat_timeout: 3600, lock_check_interval: 1, lock_grace: 1 };
let given: Given;
it.beforeEach(({ given: g }) => {
  given = g;
});
afterEach(stopGateways);

/** Its events, once it leads. */
async function leader(master: Record<string, unknown>) {
  const context = testContext(given.db, { master });
  const stop = new AbortController();
  const gained = once(context.events, 'leader:gained');
  const leading = runLeader(context, { hostname: 'h', version: '0', stop: stop.signal });
  onTestFinished(async () => {
    stop.abort();
    await leading;
    await context.close();
  });
  await gained;
  return context.events;
}

async function register(gateway: TestGateway, more: Record<string, unknown> = {}): Promise<string> {
  const body = { device_id: 'r1', remote: true, version: '0', capabilities: { supported_tasks: ['noop'] }, ...more };
  return (await gateway.call('/api/v1/devices/register', body)).json.instance_token;
}

/** A call that waits, once it does. */
async function waitAt(gateway: TestGateway, token: string): Promise<ClientRequest> {
  const url = `${gateway.url}/api/v1/devices/r1/wait?instance_token=${token}&free=1`;
  const first = (await (await fetch(url)).json()) as { cursor: string };
  const call = get(`${url}&seconds=60&after=${encodeURIComponent(first.cursor)}`);
  call.on('error', () => {});
  await until(() => served(gateway)?.waits === 1);
  return call;
}

const served = (gateway: TestGateway) => gateway.gateway.devices.registry.known('r1');

async function row() {
  const [device] = await given.session.rows<{ gateway_id: string; left_s: number }>(
    `SELECT gateway_id, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), lease_until) AS left_s
     FROM ${given.db.names.device} WHERE device_id = 'r1'`,
  );
  return device!;
}

describe('the lease of a device behind a gateway', () => {
  it('is over when the connection on which it waits is closed: dead long before heartbeat_timeout, and what it held is open again', async () => {
    const events = await leader(LONG);
    const gateway = await startGateway(given.db, { master: LONG });
    const token = await register(gateway);
    const task_id = await given.rows.task({ task_type: 'noop' });
    await until(async () => (await gateway.call(`/api/v1/devices/r1/wait?instance_token=${token}&free=1`)).json.work);
    const claim = { claim_token: token, limit: 5, free: 5, types: { noop: { now: 5, later: 0, defer: false } } };
    const { json } = await gateway.call('/api/v1/devices/r1/exchange', { instance_token: token, finishes: [], claim });
    expect(json.claimed).toHaveLength(1);
    const call = await waitAt(gateway, token);
    const dead = once(events, 'device:dead');
    call.destroy();
    expect(await dead).toMatchObject({ device_id: 'r1', by: 'lock' });
    // With the death, or in a later round where its rows were locked.
    await until(async () => (await given.rows.readTask(task_id))?.status === 'pending');
  });

  it('is that of the gateway where the device waits, where it goes on when the device comes back', async () => {
    const [a, b] = [await startGateway(given.db, { master: LONG }), await startGateway(given.db, { master: LONG })];
    const token = await register(a);
    const call = await waitAt(a, token);
    const beat = {
      instance_token: token,
      status: 'online',
      system_info: {},
      recent_claims: 0,
      over_limits: [],
      stuck: [],
    };
    expect(await b.call('/api/v1/devices/r1/heartbeat', beat)).toMatchObject({ status: 200 });
    expect((await row()).gateway_id).toBe(a.gateway.deviceId);
    const again = await waitAt(b, token);
    await until(async () => (await row()).gateway_id === b.gateway.deviceId);
    call.destroy();
    await until(() => served(a)?.closed_at !== undefined);
    await until(() => served(a)?.closed_at === undefined);
    expect((await row()).left_s).toBeGreaterThan(3000);
    again.destroy();
    await until(async () => (await row()).left_s <= 0);
  });

  it('lasts as long as a device may be offline that says so, whatever becomes of its connection', async () => {
    const gateway = await startGateway(given.db, { master: { ...LONG, heartbeat_timeout: 60 } });
    const token = await register(gateway, { offline_for: 600 });
    (await waitAt(gateway, token)).destroy();
    await until(() => served(gateway)?.waits === 0);
    expect((await row()).left_s).toBeGreaterThan(500);
  });
});
