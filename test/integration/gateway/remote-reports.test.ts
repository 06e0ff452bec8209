// What a remote worker reports of its attempts, and finds out after a lost answer.
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';

let given: Given;
let gateway: TestGateway;
let instance_token: string;
it.beforeEach(async ({ given: g }) => {
  given = g;
  gateway = await startGateway(given.db);
  instance_token = hex();
  await register();
});
afterEach(stopGateways);

const hex = () => randomBytes(16).toString('hex');
const call = (path: string, body: unknown, device = 'r1') => gateway.call(`/api/v1/devices/${device}/${path}`, body);
const register = (more: Record<string, unknown> = {}) =>
  gateway.call('/api/v1/devices/register', {
    ...{ device_id: 'r1', remote: true, version: '0', instance_token, capabilities: { supported_tasks: ['noop'] } },
    ...more,
  });

/** A claim of all that is due. */
async function claim({ defer = false } = {}) {
  await gateway.gateway.devices.reads.fresh();
  const claim_token = hex();
  const types = { noop: { now: 10, later: 0, defer } };
  const body = { instance_token, finishes: [], claim: { claim_token, limit: 10, free: 10, types } };
  const { json } = await call('exchange', body);
  return { claim_token, claimed: json.claimed as Array<{ id: number; attempt: number; assignment_id: number | null }> };
}

const count = async (table: string) => Number((await given.session.rows(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.n);

describe('a remote worker', () => {
  it('finds out what a claim holds whose answer was lost', async () => {
    const ids = [await given.rows.task({ task_type: 'noop' }), await given.rows.task({ task_type: 'noop' })];
    const { claim_token } = await claim({ defer: true });
    const { json } = await call('recover', { instance_token, tokens: [claim_token, hex()] });
    const found = json.claimed.map((one: { id: number; claim_token: string }) => [one.id, one.claim_token]);
    expect(found.sort()).toEqual(ids.map((id) => [id, claim_token]));
  });

  it('gives rows to deferred claims that go on, and writes that attempts run', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    const { claim_token } = await claim({ defer: true });
    const { json } = await call('starts', {
      deferred: [
        { task_id, claim_token },
        { task_id, claim_token: hex() },
      ],
    });
    expect(json.materialized).toEqual([{ task_id, assignment_id: expect.any(Number) }]);
    const [{ assignment_id }] = json.materialized;
    const starts = [
      { assignment_id, claim_token, age_ms: 1500, lease_s: 60 },
      { assignment_id: 999_999, claim_token, age_ms: 0, lease_s: 60 },
    ];
    expect((await call('starts', { starts })).json.lost).toEqual([999_999]);
    const beat = await call('heartbeat', { instance_token, status: 'busy' });
    expect(beat.json).toMatchObject({
      device: { status: 'busy' },
      open: [{ task_id, assignment_id, claim_token, revoked: false }],
    });
    await given.session.write(
      `UPDATE ${given.db.names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoked_by = 'ann'`,
    );
    const told = await gateway.call(`/api/v1/devices/r1/wait?instance_token=${instance_token}&held=1`);
    expect(told.json.open).toMatchObject([{ task_id, revoked: true, revoked_by: 'ann' }]);
  });

  it('fetches a payload that did not come with its claim', async () => {
    const data = JSON.stringify({ text: 'x'.repeat(50_000) });
    const task_id = await given.rows.task({ task_type: 'noop', task_data: data });
    const { claim_token, claimed } = await claim();
    expect(claimed).toMatchObject([{ id: task_id, task_data: null }]);
    const { json } = await call('payload', { task_id, claim_token });
    expect(JSON.parse(json.task_data)).toEqual(JSON.parse(data));
    expect((await call('payload', { task_id, claim_token: hex() })).json).toEqual({ held: false, task_data: null });
  });

  it('stores run logs of what it holds or held, and of nothing else', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    await claim({ defer: true });
    const body = deflateRawSync('line').toString('base64');
    const piece = { task_id, attempt: 1, from_byte: 0, to_byte: 5, line_count: 1, body };
    const foreign = { ...piece, task_id: 999_999 };
    const { json } = await call('logs', { pieces: [piece, foreign] });
    expect(json.left_out).toEqual([{ task_id: 999_999, attempt: 1 }]);
    expect(await count(given.db.names.log)).toBe(1);
    expect((await call('logs/written', { attempts: [{ task_id, attempt: 1 }] })).json.written).toEqual([
      { task_id, attempt: 1, to_byte: 5 },
    ]);
    await register({ device_id: 'r2', instance_token: hex() });
    expect((await call('logs', { pieces: [piece] }, 'r2')).json.left_out).toEqual([{ task_id, attempt: 1 }]);
    expect(await count(given.db.names.log)).toBe(1);
  });

  it('stores progress and checkpoints while it holds the task', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    const { claim_token } = await claim();
    const progress = { done: 3, total: 10, message: 'reading' };
    const row = { task_id, claim_token, progress, metrics: '{"rows":3}' };
    expect((await call('progress', { rows: [row] })).json.count).toBeGreaterThan(0);
    expect((await call('progress', { rows: [{ ...row, claim_token: hex() }] })).json).toEqual({ count: 0 });
    expect((await call('progress', { rows: [{ ...row, metrics: '{' }] })).status).toBe(400);
    expect((await call('checkpoints', { task_id, claim_token, value: '{"at":3}' })).json).toEqual({ held: true });
    expect((await call('checkpoints', { task_id, claim_token: hex(), value: '1' })).json).toEqual({ held: false });
    const read = await call('checkpoints/read', { task_ids: [task_id] });
    expect(read.json.checkpoints).toEqual([{ task_id, value: '{"at":3}' }]);
    await register({ device_id: 'r2', instance_token: hex() });
    expect((await call('checkpoints/read', { task_ids: [task_id] }, 'r2')).json.checkpoints).toEqual([]);
    expect((await call('checkpoints/delete', { task_id, attempt: 1 }, 'r2')).json).toEqual({ deleted: 0 });
    expect((await call('checkpoints/delete', { task_id, attempt: 1 })).json).toEqual({ deleted: 1 });
  });

  it('delivers ends of an earlier process, each once, before the new one registers', async () => {
    const kept = await given.rows.task({ task_type: 'noop' });
    const lost = await given.rows.task({ task_type: 'noop' });
    const { claim_token } = await claim({ defer: true });
    await given.session.write(
      `UPDATE ${given.db.names.task} SET claim_token = NULL, status = 'pending', claimed_by = NULL WHERE id = ?`,
      [lost],
    );
    const finishes = [kept, lost].map((task_id) => ({
      ...{ task_id, task_type: 'noop', attempt: 1, assignment_id: null, claim_token, age_ms: 5 },
      outcome: { kind: 'done', result: 1, enqueue: [] },
    }));
    const { json } = await call('deliver', { instance_token, finishes });
    expect(json.reconciled).toMatchObject([{ kind: 'accepted', task_status: 'done' }, { kind: 'lost' }]);
    expect((await call('deliver', { instance_token, finishes })).json.reconciled).toMatchObject([
      { kind: 'committed' },
      { kind: 'lost' },
    ]);
    expect(await call('deliver', { instance_token, finishes: [finishes[0], finishes[0]] })).toMatchObject({
      status: 400,
    });
  });

  it('closes what an earlier process left when a new one takes over', async () => {
    const task_id = await given.rows.task({ task_type: 'noop' });
    await claim();
    await call('sign-off', { instance_token });
    instance_token = hex();
    await register();
    expect(await given.rows.readTask(task_id)).toMatchObject({ status: 'pending' });
    expect((await claim()).claimed).toMatchObject([{ id: task_id, attempt: 1 }]);
  });

  it('inserts follow-up tasks with the end of their attempt', async () => {
    await given.rows.task({ task_type: 'noop' });
    const { claim_token, claimed } = await claim();
    const { id: task_id, assignment_id } = claimed[0]!;
    const enqueue = [{ task_type: 'noop', dedupe_key: 'follow-up' }];
    const finish = { task_id, task_type: 'noop', attempt: 1, assignment_id, claim_token, age_ms: 1 };
    const finishes = [{ ...finish, outcome: { kind: 'done', result: null, enqueue } }];
    const types = { noop: { now: 10, later: 0, defer: false } };
    const body = { instance_token, finishes, claim: { claim_token: hex(), limit: 10, free: 10, types } };
    const broken = [{ ...finish, outcome: { kind: 'done', result: null, enqueue: [{ no: 'type' }] } }];
    expect(await call('exchange', { ...body, finishes: broken })).toMatchObject({ status: 400 });
    const { json } = await call('exchange', body);
    expect(json.reconciled).toMatchObject([{ kind: 'accepted' }]);
    const [row] = await given.session.rows(
      `SELECT parent_id FROM ${given.db.names.task} WHERE dedupe_key = 'follow-up'`,
    );
    expect(row?.parent_id).toBe(task_id);
  });
});
