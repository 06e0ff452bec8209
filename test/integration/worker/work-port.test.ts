// What every implementation of the work port promises to the claimer: over a session and through a gateway.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClaimedTask, INLINE_BYTES } from '../../../src/core/db/claim/claimed-task.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import type { Finish } from '../../../src/core/domain/attempt/reconcile.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { GatewayClient } from '../../../src/core/remote/gateway-client.ts';
import { Journal } from '../../../src/core/worker/journal/journal.ts';
import { KeptEnds } from '../../../src/core/worker/journal/kept-ends.ts';
import { DatabaseWork } from '../../../src/core/worker/port/database-work.ts';
import { GatewayWork } from '../../../src/core/worker/port/gateway-work.ts';
import { LateClaims } from '../../../src/core/worker/port/late-claims.ts';
import type { ExchangeResult, PlannedClaim, WorkPort } from '../../../src/core/worker/port/work-port.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertDevice, insertTask, readTask } from '../../helpers/factories.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

const policy = { maxRetryCount: 2, backoff: () => 0 };

/** `plan`: what a claim is for this port. */
const portOf = <C extends PlannedClaim>(
  work: WorkPort<C, ExchangeResult>,
  plan: (claim: PlannedClaim & { free: number }) => C,
) => ({
  work: work as Omit<typeof work, 'exchange'>,
  /** These ends, and a claim of so many tasks. */
  async exchange(ends: Finish[], limit?: number) {
    const claim_token = randomBytes(16);
    const claim = limit === undefined ? undefined : plan({ claim_token, limit, free: limit, alone: false });
    const result = await work.exchange(ends, claim);
    return { ...result, claimed: result.claimed.map((one) => ({ ...one, claim_token })) };
  },
});

async function overSession(db: TestDatabase, as: 'record' | 'defer') {
  const session = await db.session();
  const device = await insertDevice(session, db.names, { device_id: 'w1' });
  const identity = { deviceId: 'w1', instanceToken: device.instance_token };
  const lane = { kind: 'lane' as const, lane: laneKey('t', null), claim_rank: claimRank(null), cursor: undefined };
  const few = { mostFrom: () => 10, leaseOf: () => 60, admit: () => as };
  return portOf(new DatabaseWork({ session, names: db.names, ...identity, policy }), (claim) => ({
    ...{ ...claim, ...few, short: claim.limit, sources: [lane], countFirst: false, ticket: false },
  }));
}

async function throughGateway(db: TestDatabase, as: 'record' | 'defer') {
  const gateway = await startGateway(db, { master: { retry_backoff: { initial: 0, jitter: 0 } } });
  const folder = await mkdtemp(join(tmpdir(), 'afd-journal-'));
  const device = { deviceId: 'w1', instanceToken: randomBytes(16) };
  const client = new GatewayClient({ urls: [gateway.url], apiKey: undefined, callTimeoutMs: 10_000 });
  const journal = new Journal({ folder, mostBytes: 1_000_000, warn: () => {}, note: () => {} }, device);
  onTestFinished(async () => {
    client.cut();
    await journal.close();
    await gateway.stop();
    await rm(folder, { recursive: true });
  });
  const registered = await gateway.call('/api/v1/devices/register', {
    ...{ device_id: 'w1', remote: true, version: '0.0.0-test', host_name: 'far', pid: 7, max_concurrent_tasks: 10 },
    ...{ instance_token: device.instanceToken.toString('hex'), capabilities: { supported_tasks: ['t'] } },
  });
  expect(registered.status).toBe(200);
  const late = new LateClaims(async () => []);
  const kept = new KeptEnds(journal);
  const work = new GatewayWork({ client, ...device, kept, late, offlineForS: 0, before: async () => {} });
  return portOf(work, (claim) => ({ ...claim, types: { t: { now: claim.limit, later: 0, defer: as === 'defer' } } }));
}

type Claimed = ClaimedTask & { claim_token: Buffer };
const DONE: Extract<Outcome, { kind: 'done' }> = { kind: 'done', result: { n: 1 }, enqueue: [] };
const held = ({ id, claim_token }: Claimed) => ({ task_id: id, claim_token });
const endOf = (one: Claimed, outcome: Outcome = DONE): Finish => ({
  ...{ ...held(one), task_type: one.task_type, attempt: one.attempt + 1, assignment_id: one.assignment_id },
  ...{ outcome, age_ms: 5 },
});

describe.each([
  ['work over a session, whose claims are recorded', overSession, 'record'],
  ['work over a session, whose claims are deferred', overSession, 'defer'],
  ['work through a gateway', throughGateway, 'defer'],
] as const)('%s', (_, open, as) => {
  /** With these tasks of type `t`, which are due. */
  async function opened(...tasks: Array<string | null>) {
    const db = await testDatabase();
    onTestFinished(() => db.close());
    const session = await db.session();
    const { work, exchange } = await open(db, as);
    const ids: number[] = [];
    for (const task_data of tasks) ids.push(await insertTask(session, db.names, { task_type: 't', task_data }));
    /** What a gateway knows of due tasks may be a moment old. */
    const claim = (limit = 10) =>
      until(async () => {
        const { claimed } = await exchange([], limit);
        return claimed.length > 0 && claimed;
      });
    const end = async (...ends: Finish[]) => (await exchange(ends)).reconciled.map((found) => found.kind);
    const task = async (id: number) => (await readTask(session, db.names, id))!;
    /** Another program sets the task back, as if nobody had claimed it. */
    const reset = (id: number) => session.write(`UPDATE ${db.names.task} SET status = 'pending' WHERE id = ?`, [id]);
    return { work, exchange, ids, claim, end, task, reset };
  }

  it('claims what is due, as often as it was asked and no more, and nothing without being asked', async () => {
    const { exchange, ids, claim, task } = await opened('{"n":1}', null, null);
    expect(await exchange([])).toMatchObject({ claimed: [], permission: 'not-asked' });
    const first = await claim(2);
    expect(first.map((one) => one.id)).toEqual(ids.slice(0, 2));
    expect(first[0]).toMatchObject({ task_type: 't', attempt: 0, task_data: '{"n":1}', deferred: as === 'defer' });
    expect(first.map((one) => one.assignment_id === null)).toEqual(Array(2).fill(as === 'defer'));
    expect((await claim()).map((one) => one.id)).toEqual(ids.slice(2));
    expect((await exchange([], 10)).claimed).toEqual([]);
    expect(await task(ids[0]!)).toMatchObject({ status: 'running', attempt: 1 });
  });

  it('accepts an end with its follow-up tasks once, and knows it again when it is sent again', async () => {
    const { claim, end, task } = await opened(null);
    const [one] = await claim();
    const finish = endOf(one!, { ...DONE, enqueue: [{ task_type: 't', task_data: { n: 7 } }] });
    expect([await end(finish), await end(finish)]).toEqual([['accepted'], ['committed']]);
    expect(await task(one!.id)).toMatchObject({ status: 'done', attempt: 1 });
    expect((await claim()).map((added) => added.task_data)).toEqual(['{"n":7}']);
  });

  it('finds by its token what a claim holds whose answer was lost, as long as it has not begun', async () => {
    const { work, claim, end } = await opened(null);
    const [one] = (await claim()) as [Claimed];
    const { id, claim_token, assignment_id } = one;
    expect(await work.recover([randomBytes(16), claim_token])).toMatchObject([{ id, attempt: 0, assignment_id }]);
    await end(endOf(one));
    expect(await work.recover([claim_token])).toEqual([]);
  });

  it('gives an attempt its row and writes that it has begun; says of which it has none because it is no longer ours', async () => {
    const { work, ids, claim, reset } = await opened(null, null);
    const [kept, taken] = (await claim()) as [Claimed, Claimed];
    await reset(taken.id);
    const rows = await work.materialize([kept, taken].map(held));
    expect(rows.map((row) => row.task_id)).toEqual([ids[0]]);
    const { assignment_id } = rows[0]!;
    const start = { assignment_id, claim_token: kept.claim_token, age_ms: 5, lease_s: 60 };
    expect(await work.begin([start])).toEqual([]);
    expect(await work.begin([{ ...start, claim_token: randomBytes(16) }])).toEqual([assignment_id]);
    expect(await work.recover([kept.claim_token])).toEqual([]);
  });

  it('gives a payload to who holds the task, and to no other', async () => {
    const long = JSON.stringify({ text: 'x'.repeat(INLINE_BYTES) });
    const { work, claim } = await opened(long);
    const [one] = (await claim()) as [Claimed];
    expect(one).toMatchObject({ task_data: null, payload_bytes: long.length });
    expect(await work.payload(held(one))).toBe(long);
    expect(await work.payload({ ...held(one), claim_token: randomBytes(16) })).toBeUndefined();
  });
});
