// The protocol of remote workers, call by call (src/http/device-contract.ts).
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import type { RegisterAnswer } from '../../../src/http/device-life.ts';
import { readTask } from '../../helpers/factories.ts';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';

let given: Given;
let gateway: TestGateway;
it.beforeEach(async ({ given: g }) => {
  given = g;
  gateway = await startGateway(given.db);
});
afterEach(stopGateways);

const hex = () => randomBytes(16).toString('hex');
const DEVICE = '/api/v1/devices/r1';
const ROOM = { now: 10, later: 0, defer: false };

async function register(more: Record<string, unknown> = {}): Promise<RegisterAnswer & { instance_token: string }> {
  const body = {
    device_id: 'r1',
    remote: true,
    version: '0.0.0-test',
    host_name: 'far',
    pid: 7,
    max_concurrent_tasks: 10,
    capabilities: { supported_tasks: ['noop'] },
    ...more,
  };
  const { status, json } = await gateway.call('/api/v1/devices/register', body);
  expect(status, JSON.stringify(json)).toBe(200);
  return json;
}

function exchange(instance_token: string, more: Record<string, unknown> = {}) {
  const claim = { claim_token: hex(), limit: 10, free: 10, types: { noop: ROOM } };
  return gateway.call(`${DEVICE}/exchange`, { instance_token, finishes: [], claim, ...more });
}

function wait(token: string, after?: string, more = '') {
  const cursor = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
  return gateway.call(`${DEVICE}/wait?instance_token=${token}&seconds=20&free=10${cursor}${more}`);
}

const done = (task: { id: number; attempt: number; assignment_id: number | null }, claim_token: string) => ({
  task_id: task.id,
  task_type: 'noop',
  attempt: task.attempt + 1,
  assignment_id: task.assignment_id,
  claim_token,
  outcome: { kind: 'done', result: { n: 1 }, enqueue: [] },
  age_ms: 5,
});

describe('a remote worker', () => {
  it('registers, hears of work, claims it and reports its end in one exchange', async () => {
    const { instance_token, heartbeat_timeout, server } = await register();
    expect(heartbeat_timeout).toBeGreaterThan(0);
    expect(server).toBe(given.session.facts.serverName);
    const first = await wait(instance_token);
    expect(first.json).toMatchObject({ work: false, device: { operator_state: 'active', status: 'online' }, open: [] });
    const ids = [await given.rows.task({ task_type: 'noop' }), await given.rows.task({ task_type: 'noop' })];
    const woken = await wait(instance_token, first.json.cursor);
    expect(woken.json).toMatchObject({ work: true });
    const claim = { claim_token: hex(), limit: 10, free: 10, types: { noop: { ...ROOM, defer: true } } };
    const { json } = await exchange(instance_token, { claim });
    expect(json).toMatchObject({ permission: 'open', reconciled: [] });
    expect(json.claimed.map((one: { id: number }) => one.id)).toEqual(ids);
    expect(json.claimed[0]).toMatchObject({ deferred: true, assignment_id: null, attempt: 0 });
    const ends = json.claimed.map((one: never) => done(one, claim.claim_token)).reverse();
    const over = await exchange(instance_token, { finishes: ends });
    expect(over.json.reconciled).toEqual(
      [1, 2].map(() => ({ kind: 'accepted', task_status: 'done', assignment_status: 'completed' })),
    );
    const again = await exchange(instance_token, { finishes: ends, claim: undefined });
    expect(again.json.reconciled.map((one: { kind: string }) => one.kind)).toEqual(['committed', 'committed']);
    const [row] = await given.session.rows(
      `SELECT COUNT(*) AS n FROM ${given.db.names.assignment} WHERE status = 'completed' AND device_id = 'r1'`,
    );
    expect(Number(row?.n)).toBe(2);
  });

  it('registers once for each instance, and is refused while another has the id', async () => {
    const token = hex();
    await register({ instance_token: token });
    expect((await register({ instance_token: token })).instance_token).toBe(token);
    const other = await gateway.call('/api/v1/devices/register', {
      device_id: 'r1',
      remote: true,
      instance_token: hex(),
    });
    expect(other).toMatchObject({ status: 409, json: { code: 'E_DEVICE_RUNNING' } });
    const plain = await gateway.call('/api/v1/devices/register', { device_id: 'R1' });
    expect(plain).toMatchObject({ status: 409, json: { code: 'E_DEVICE_RUNNING' } });
    expect(await gateway.call('/api/v1/tasks/next?device_id=r1')).toMatchObject({
      status: 409,
      json: { code: 'E_DEVICE_RUNNING' },
    });
    await gateway.call(`${DEVICE}/sign-off`, { instance_token: token });
    await register({ instance_token: hex() });
    expect(await exchange(token)).toMatchObject({ status: 409, json: { code: 'E_SUPERSEDED' } });
  });

  it('that has no free slot takes nothing ahead while a task is looked for that the server refuses, and its call is answered', async () => {
    const { names } = given.db;
    const odd = "NOT (COALESCE(username = 'odd' AND status = 'running', FALSE))";
    await given.session.write(`ALTER TABLE ${names.task} ADD CONSTRAINT no_odd_rows CHECK (${odd})`);
    try {
      const { instance_token } = await register();
      const bad = await given.rows.task({ task_type: 'noop', username: 'odd' });
      const good = [await given.rows.task({ task_type: 'noop' }), await given.rows.task({ task_type: 'noop' })];
      const refused = await exchange(instance_token);
      expect(refused).toMatchObject({ status: 200, json: { claimed: [], more: true } });
      const ahead = { claim_token: hex(), limit: 10, free: 0, types: { noop: { now: 0, later: 10, defer: false } } };
      expect(await exchange(instance_token, { claim: ahead })).toMatchObject({ status: 200, json: { claimed: [] } });
      const claimed: number[] = [];
      while (claimed.length < good.length) {
        const { status, json } = await exchange(instance_token);
        expect(status).toBe(200);
        claimed.push(...json.claimed.map((one: { id: number }) => one.id));
      }
      expect(claimed.sort()).toEqual(good);
      expect(await readTask(given.session, names, bad)).toMatchObject({ status: 'failed' });
    } finally {
      await given.session.write(`ALTER TABLE ${names.task} DROP CONSTRAINT no_odd_rows`);
    }
  });
});
