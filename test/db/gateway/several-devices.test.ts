// Claims and ends of several devices in one transaction: each is one device's, whatever becomes of the others.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import { claimForDevices, type SharedClaim } from '../../../src/core/db/gateway/claim-for-devices.ts';
import { finishForDevices } from '../../../src/core/db/gateway/finish-for-devices.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import type { Finish } from '../../../src/core/domain/attempt/reconcile.ts';
import { claims } from '../../helpers/claims.ts';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { Refusals } from '../../helpers/refusals.ts';

let given: Given;
it.beforeEach(({ given: g }) => {
  given = g;
});

const policy = { maxRetryCount: 3, backoff: (retry: number) => 30 * retry };

async function device(device_id: string, more: Record<string, unknown> = {}) {
  const instance_token = randomBytes(16);
  await given.rows.device({ device_id, columns: { instance_token, ...more } });
  return { device_id, instance_token, claim_token: randomBytes(16), limit: 1 };
}

async function tasks(n: number): Promise<number[]> {
  const ids: number[] = [];
  for (let at = 0; at < n; at += 1) ids.push(await given.rows.task({ task_type: 'noop' }));
  return ids;
}

async function shared(limit: number, more: Partial<SharedClaim> = {}): Promise<SharedClaim> {
  const [row] = await given.session.rows(`SELECT lane, claim_rank FROM ${given.db.names.task} LIMIT 1`);
  return {
    ...{ limit, countFirst: false, ticket: false, leaseOf: () => 60, admit: () => 'record' },
    sources: [{ kind: 'lane', lane: row!.lane, claim_rank: row!.claim_rank, cursor: undefined }],
    mostFrom: () => Number.POSITIVE_INFINITY,
    ...more,
  };
}

async function attempts() {
  const { names } = given.db;
  return given.session.rows(
    `SELECT a.task_id, a.device_id, a.status, a.attempt, a.claim_token = t.claim_token AS same, t.status AS task_status
     FROM ${names.assignment} a JOIN ${names.task} t ON t.id = a.task_id ORDER BY a.task_id, a.attempt`,
  );
}

describe('a claim for several devices', () => {
  it('gives each as many tasks as it asked for, under its own token, the first of them first', async () => {
    const [a, b] = await tasks(4);
    const d1 = await device('d1');
    const d2 = { ...(await device('D2')), limit: 2 };
    const d3 = await device('d3');
    const { claimed, permissions, taken, perSource } = await claimForDevices(
      given.session,
      given.db.names,
      [d1, d2, d3],
      await shared(4),
    );
    expect(permissions).toEqual(['open', 'open', 'open']);
    expect(claimed.map((own) => own.map((one) => one.id))).toEqual([[a], [b, b! + 1], [b! + 2]]);
    expect(taken).toHaveLength(4);
    expect(perSource).toEqual([{ count: 4, exhausted: false }]);
    const rows = await attempts();
    expect(rows.map((row) => [row.device_id, row.status, row.attempt, Number(row.same), row.task_status])).toEqual(
      ['d1', 'D2', 'D2', 'd3'].map((id) => [id, 'assigned', 1, 1, 'running']),
    );
    const [{ n }] = (await given.session.rows(
      `SELECT COUNT(DISTINCT claim_token) AS n FROM ${given.db.names.assignment}`,
    )) as [{ n: number }];
    expect(Number(n)).toBe(3);
    expect(claimed.flat().every((one) => one.assignment_id !== null)).toBe(true);
  });

  it('gives nothing to a device that may not claim, and its part to the others', async () => {
    const [a, b] = await tasks(2);
    const stranger = { ...(await device('taken-over')), instance_token: randomBytes(16) };
    const paused = await device('paused', { operator_state: 'paused' });
    const missing = { ...stranger, device_id: 'gone' };
    const [d1, d2] = [await device('d1'), await device('d2')];
    const owners = [stranger, paused, d1, missing, d2];
    const result = await claimForDevices(given.session, given.db.names, owners, await shared(5));
    expect(result.permissions).toEqual(['superseded', 'paused', 'open', 'missing', 'open']);
    expect(result.claimed.map((own) => own.map((one) => one.id))).toEqual([[], [], [a], [], [b]]);
  });

  it('leaves what is more than they asked for, and what another session has locked', async () => {
    const [a, b, c] = await tasks(3);
    const other = await given.db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${given.db.names.task} WHERE id = ? FOR UPDATE`, [a]);
    const d1 = await device('d1');
    const { claimed } = await claimForDevices(given.session, given.db.names, [d1], await shared(3, { ticket: true }));
    await other.write('ROLLBACK');
    expect(claimed[0]!.map((one) => one.id)).toEqual([b]);
    expect((await given.rows.readTask(c!))?.status).toBe('pending');
  });

  it('writes nothing when the server refuses one of the rows, and keeps no ticket', async () => {
    const [a, b] = await tasks(2);
    const { task } = given.db.names;
    await given.session.write(`UPDATE ${task} SET username = 'refused' WHERE id = ?`, [b]);
    const refusals = new Refusals(given.session, given.db.names);
    await refusals.of(task, "username = 'refused' AND status = 'running'");
    try {
      const owners = [await device('d1'), await device('d2')];
      const claim = await shared(2, { ticket: true });
      await expect(claimForDevices(given.session, given.db.names, owners, claim)).rejects.toMatchObject({
        fault: 'data',
      });
    } finally {
      await refusals.none();
    }
    expect(await attempts()).toEqual([]);
    for (const id of [a!, b!]) expect((await given.rows.readTask(id))?.status).toBe('pending');
    const [row] = await given.session.rows("SELECT RELEASE_LOCK(COALESCE(@afd_ticket, '-')) AS held");
    expect(row!.held).toBeNull();
  });

  it('an attempt that another program has set back is recorded as lost before the next one', async () => {
    const d1 = await device('d1');
    await tasks(1);
    const [first] = await claims(given.session, given.db.names, d1).claim({ as: 'defer' });
    await given.session.write(`UPDATE ${given.db.names.task} SET status = 'pending' WHERE id = ?`, [first!.id]);
    const d2 = await device('d2');
    const { claimed } = await claimForDevices(given.session, given.db.names, [d2], await shared(1));
    expect(claimed[0]).toMatchObject([{ id: first!.id, attempt: 1 }]);
    expect((await attempts()).map((row) => [row.device_id, row.status, row.attempt])).toEqual([
      ['d1', 'lost', 1],
      ['d2', 'assigned', 2],
    ]);
  });
});

describe('ends of several devices', () => {
  const finishOf = (
    one: { id: number; assignment_id: number | null; claim_token: Buffer },
    outcome: Outcome,
  ): Finish => ({
    ...{ task_id: one.id, task_type: 'noop', attempt: 1, assignment_id: one.assignment_id },
    ...{ claim_token: one.claim_token, outcome, age_ms: 5 },
  });
  const done: Outcome = { kind: 'done', result: { ok: true }, enqueue: [] };
  const finish = (finishes: Finish[]) =>
    finishForDevices(given.session, given.db.names, { finishes, policy, widths: ANY_WIDTHS });

  async function claimed(id: string, as: 'record' | 'defer' = 'record') {
    await tasks(1);
    const [one] = await claims(given.session, given.db.names, await device(id)).claim({ as });
    return one!;
  }

  it('are written as each says; one that is not its device’s any more changes nothing, and hurts no other', async () => {
    const [a, b, c] = [await claimed('d1'), await claimed('d2'), await claimed('d3')];
    const permanent: Outcome = { kind: 'permanent', error_class: 'x', error_message: 'no' };
    const stale = { ...c, claim_token: randomBytes(16) };
    const reconciled = await finish([finishOf(stale, done), finishOf(b, permanent), finishOf(a, done)]);
    expect(reconciled!.map((one) => one.kind).sort()).toEqual(['accepted', 'accepted', 'lost']);
    expect((await attempts()).map((row) => [row.device_id, row.status, row.task_status])).toEqual([
      ['d1', 'completed', 'done'],
      ['d2', 'failed', 'failed'],
      ['d3', 'assigned', 'running'],
    ]);
    // The same once more, since its answer was lost.
    expect((await finish([finishOf(a, done)]))![0]).toMatchObject({ kind: 'committed', task_status: 'done' });
  });

  it('writes nothing when one of them is a deferred claim, whose row would need its device', async () => {
    const [a, b] = [await claimed('d1'), await claimed('d2', 'defer')];
    expect(await finish([finishOf(a, done), finishOf(b, done)])).toBeUndefined();
    expect((await given.rows.readTask(a.id))?.status).toBe('running');
    expect(await finish([finishOf(a, done)])).toMatchObject([{ kind: 'accepted' }]);
  });
});
