// How long a device behind a gateway counts as alive, with a real leader beside it.
import { once as onEvent } from 'node:events';
import { type ClientRequest, get } from 'node:http';
import { afterEach, describe, expect, onTestFinished, vi } from 'vitest';
import { Session } from '../../../src/core/db/session.ts';
import { runLeader } from '../../../src/core/leader/run-leader.ts';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

/** As a fleet has them by default. */
const USUAL = { heartbeat_timeout: 60, lock_check_interval: 1, lock_grace: 1 };
const stops: Array<() => Promise<unknown>> = [];
let given: Given;
it.beforeEach(({ given: g }) => {
  given = g;
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await stopGateways();
});

/** Its events, once it leads. */
async function leader(master: Record<string, unknown>) {
  const context = testContext(given.db, { master });
  const stop = new AbortController();
  const gained = once(context.events, 'leader:gained');
  const leading = runLeader(context, { hostname: 'h', version: '0', stop: stop.signal });
  stops.push(async () => {
    stop.abort();
    await leading;
    await context.close();
  });
  await gained;
  return context.events;
}

async function register(gateway: TestGateway, more: Record<string, unknown> = {}): Promise<string> {
  const body = { device_id: 'r1', remote: true, version: '0', capabilities: { supported_tasks: ['noop'] }, ...more };
  const { json, status } = await gateway.call('/api/v1/devices/register', body);
  expect(status, JSON.stringify(json)).toBe(200);
  return json.instance_token;
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
  const [device] = await given.session.rows(
    `SELECT status, lease_until > UTC_TIMESTAMP(3) AS leased, gateway_id,
       TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), lease_until) / 1000000 AS left_s
     FROM ${given.db.names.device} WHERE device_id = 'r1'`,
  );
  return device as { status: string; leased: number; gateway_id: string; left_s: number };
}

describe('the lease of a device behind a gateway', () => {
  it('is over when the connection on which it waits is closed: dead long before heartbeat_timeout, and what it held is open again', async () => {
    const silent = { ...USUAL, heartbeat_timeout: 3600 };
    const events = await leader(silent);
    const gateway = await startGateway(given.db, { master: silent });
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

  it('goes on when the device comes back, at this gateway or another', async () => {
    const [a, b] = [await startGateway(given.db, { master: USUAL }), await startGateway(given.db, { master: USUAL })];
    const token = await register(a);
    const call = await waitAt(a, token);
    const again = await waitAt(b, token);
    await until(async () => (await row()).gateway_id === b.gateway.deviceId);
    call.destroy();
    await until(() => served(a)?.closed_at !== undefined);
    await until(() => served(a)?.closed_at === undefined);
    expect((await row()).leased).toBe(1);
    expect((await row()).left_s).toBeGreaterThan(40);
    again.destroy();
    await until(async () => (await row()).leased === 0);
  });

  it('is that of the gateway where the device waits, also when a heartbeat came there first', async () => {
    // No lease is written a second time within this test for its age alone.
    const master = { ...USUAL, heartbeat_timeout: 3600 };
    const [a, b] = [await startGateway(given.db, { master }), await startGateway(given.db, { master })];
    const token = await register(a);
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
    const call = await waitAt(b, token);
    await until(async () => (await row()).gateway_id === b.gateway.deviceId);
    call.destroy();
  });

  it('ends by heartbeat_timeout when the device says nothing more, while its connection stays open', async () => {
    const events = await leader({ ...USUAL, heartbeat_timeout: 4, lock_check_interval: 0.2, lock_grace: 0.2 });
    const gateway = await startGateway(given.db, { master: { heartbeat_timeout: 4 } });
    const token = await register(gateway);
    const dead = once(events, 'device:dead');
    const call = await waitAt(gateway, token);
    const [answer] = await onEvent(call, 'response');
    answer.pause();
    expect(await dead).toMatchObject({ device_id: 'r1', by: 'lock' });
    call.destroy();
  });

  it('lasts as long as a device may be offline that says so, whatever becomes of its connection', async () => {
    const gateway = await startGateway(given.db, { master: USUAL });
    const token = await register(gateway, { offline_for: 600 });
    (await waitAt(gateway, token)).destroy();
    await until(() => served(gateway)?.waits === 0);
    expect(served(gateway)?.closed_at).toBeUndefined();
    expect((await row()).left_s).toBeGreaterThan(590);
  });

  it('is extended for many devices by few statements', async () => {
    const gateway = await startGateway(given.db, { master: USUAL });
    const ids = Array.from({ length: 300 }, (_, n) => `plain-${n}`);
    await Promise.all(ids.map((device_id) => gateway.call('/api/v1/devices/register', { device_id })));
    const { names } = given.db;
    await given.session.write(`UPDATE ${names.device} SET lease_until = UTC_TIMESTAMP(3) WHERE device_type = 'worker'`);
    for (const one of gateway.gateway.devices.registry.all) one.written_at = Number.NEGATIVE_INFINITY;
    const sent = statements();
    const waits = ids.map((id) => gateway.call(`/api/v1/tasks/next?device_id=${id}&wait=5`));
    const over = `SELECT COUNT(*) AS n FROM ${names.device} WHERE device_type = 'worker' AND lease_until < UTC_TIMESTAMP(3)`;
    await until(async () => Number((await given.session.rows(over))[0]?.n) === 0);
    // Those of this loop and of the gateway's polls are among them.
    expect(sent()).toBeLessThan(150);
    gateway.gateway.devices.endWaits();
    expect((await Promise.all(waits)).map((one) => one.status)).toEqual(ids.map(() => 204));
  });
});

/** Statements that this process sends from now on; other tests use the same server. */
function statements(): () => number {
  const single = [vi.spyOn(Session.prototype, 'rows'), vi.spyOn(Session.prototype, 'write')];
  const batches = vi.spyOn(Session.prototype, 'batch');
  onTestFinished(() => {
    for (const one of [...single, batches]) one.mockRestore();
  });
  return () =>
    single.reduce((sum, one) => sum + one.mock.calls.length, 0) +
    batches.mock.calls.reduce((sum, [given]) => sum + given.length, 0);
}
