// Claims and ends of several devices in one transaction: each is one device's, whatever becomes of the others.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import { claimForDevices, type SharedClaim } from '../../../src/core/db/gateway/claim-for-devices.ts';
import { finishForDevices } from '../../../src/core/db/gateway/finish-for-devices.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import type { Finish } from '../../../src/core/domain/attempt/reconcile.ts';
import { laneKey } from '../../../src/core/domain/lane.ts';
import { claims } from '../../helpers/claims.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, addTask, taskRow } from '../../helpers/rows-here.ts';

useDatabase();

async function device(device_id: string, more: Record<string, unknown> = {}) {
  const { instance_token } = await addDevice(device_id, { columns: more });
  return { device_id, instance_token, claim_token: randomBytes(16), limit: 1 };
}

async function tasks(n: number): Promise<number[]> {
  const ids: number[] = [];
  for (let at = 0; at < n; at += 1) ids.push(await addTask({ task_type: 'noop' }));
  return ids;
}

const claim = (owners: Parameters<typeof claimForDevices>[2], limit: number, ticket = false) => {
  const shared: SharedClaim = {
    ...{ limit, countFirst: false, ticket, leaseOf: () => 60, admit: () => 'record' },
    sources: [{ kind: 'lane', lane: laneKey('noop', null), claim_rank: 5, cursor: undefined }],
    mostFrom: () => Number.POSITIVE_INFINITY,
  };
  return claimForDevices(session, names, owners, shared);
};
const idsOf = (claimed: Array<Array<{ id: number }>>) => claimed.map((own) => own.map((one) => one.id));

const attempts = () =>
  session.rows(
    `SELECT a.task_id, a.device_id, a.status, a.attempt, a.claim_token = t.claim_token AS same, t.status AS task_status
     FROM ${names.assignment} a JOIN ${names.task} t ON t.id = a.task_id ORDER BY a.task_id, a.attempt`,
  );

it('a claim for several devices gives each as many tasks as it asked for, under its own token, the first of them first', async () => {
  const [a, b, c, d] = await tasks(4);
  const owners = [await device('d1'), { ...(await device('D2')), limit: 2 }, await device('d3')];
  const { claimed, permissions, taken, perSource } = await claim(owners, 4);
  expect(permissions).toEqual(['open', 'open', 'open']);
  expect(idsOf(claimed)).toEqual([[a], [b, c], [d]]);
  expect(taken).toHaveLength(4);
  expect(perSource).toEqual([{ count: 4, exhausted: false }]);
  const held = { status: 'assigned', attempt: 1, same: 1, task_status: 'running' };
  expect(await attempts()).toMatchObject(['d1', 'D2', 'D2', 'd3'].map((device_id) => ({ device_id, ...held })));
  expect(await session.rows(`SELECT DISTINCT claim_token FROM ${names.assignment}`)).toHaveLength(3);
  expect(claimed.flat().every((one) => one.assignment_id !== null)).toBe(true);
});

it('a claim for several devices gives nothing to a device that may not claim, and its part to the others', async () => {
  const [a, b] = await tasks(2);
  const stranger = { ...(await device('taken-over')), instance_token: randomBytes(16) };
  const paused = await device('paused', { operator_state: 'paused' });
  const missing = { ...stranger, device_id: 'gone' };
  const { permissions, claimed } = await claim([stranger, paused, await device('d1'), missing, await device('d2')], 5);
  expect(permissions).toEqual(['superseded', 'paused', 'open', 'missing', 'open']);
  expect(idsOf(claimed)).toEqual([[], [], [a], [], [b]]);
});

describe('ends of several devices', () => {
  type Held = { id: number; assignment_id: number | null; claim_token: Buffer };
  const finishOf = (one: Held, outcome: Outcome): Finish => ({
    ...{ task_id: one.id, task_type: 'noop', attempt: 1, assignment_id: one.assignment_id },
    ...{ claim_token: one.claim_token, outcome, age_ms: 5 },
  });
  const done: Outcome = { kind: 'done', result: { ok: true }, enqueue: [] };
  const finish = (...finishes: Finish[]) =>
    finishForDevices(session, names, {
      ...{ finishes, policy: { maxRetryCount: 3, backoff: (retry) => 30 * retry }, widths: ANY_WIDTHS },
    });

  async function claimed(id: string, as: 'record' | 'defer' = 'record') {
    await tasks(1);
    return (await claims(session, names, await device(id)).claim({ as }))[0]!;
  }

  it('are written as each says; one that is not its device’s any more changes nothing, and hurts no other', async () => {
    const [a, b, c] = [await claimed('d1'), await claimed('d2'), await claimed('d3')];
    const permanent: Outcome = { kind: 'permanent', error_class: 'x', error_message: 'no' };
    const stale = { ...c, claim_token: randomBytes(16) };
    const reconciled = await finish(finishOf(stale, done), finishOf(b, permanent), finishOf(a, done));
    expect(reconciled!.map((one) => one.kind).sort()).toEqual(['accepted', 'accepted', 'lost']);
    expect(await attempts()).toMatchObject([
      { device_id: 'd1', status: 'completed', task_status: 'done' },
      { device_id: 'd2', status: 'failed', task_status: 'failed' },
      { device_id: 'd3', status: 'assigned', task_status: 'running' },
    ]);
    // The same once more, since its answer was lost.
    expect(await finish(finishOf(a, done))).toMatchObject([{ kind: 'committed', task_status: 'done' }]);
  });

  it('writes nothing when one of them is a deferred claim, whose row would need its device', async () => {
    const [a, b] = [await claimed('d1'), await claimed('d2', 'defer')];
    expect(await finish(finishOf(a, done), finishOf(b, done))).toBeUndefined();
    expect((await taskRow(a.id)).status).toBe('running');
    expect(await finish(finishOf(a, done))).toMatchObject([{ kind: 'accepted' }]);
  });
});
