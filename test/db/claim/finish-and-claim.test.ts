import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { flushStarts } from '../../../src/core/db/attempts/flush-starts.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import { type ClaimOptions, claims } from '../../helpers/claims.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let add: (columns?: Record<string, unknown>) => Promise<number>;
const device = { device_id: 'd1', instance_token: randomBytes(16) };
const OWN = { kind: 'directed', device_id: 'd1' } as const;
const BOTH = ['record', 'defer'] as const;
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };
const failed: Outcome = { kind: 'retry', error_message: 'boom', error_class: 'Error' };

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  add = given.rows.task;
  await given.rows.device({ device_id: 'd1', columns: { instance_token: device.instance_token } });
});

const worker = () => claims(session, db.names, device);
const claim = (options: ClaimOptions = {}) => worker().claim(options);
const finish: ReturnType<typeof worker>['finish'] = (...ends) => worker().finish(...ends);
const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);

describe('claiming', () => {
  it('takes as many tasks as asked, and records one assignment each', async () => {
    for (let n = 0; n < 3; n += 1) await add();
    const claimed = await claim({ limit: 2 });
    expect(claimed.map((one) => one.attempt)).toEqual([0, 0]);
    expect(new Set(claimed.map((one) => one.assignment_id)).size).toBe(2);
    for (const { id, assignment_id, claim_token } of claimed) {
      const held = { attempt: 1, claim_token };
      expect(await attempts(id)).toMatchObject([{ ...held, id: assignment_id, status: 'assigned', device_id: 'd1' }]);
      expect(await task(id)).toMatchObject({ ...held, status: 'running' });
    }
  });

  it('skips rows that another session has locked, and never waits for them', async () => {
    for (let n = 0; n < 4; n += 1) await add();
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} FORCE INDEX (PRIMARY) ORDER BY id LIMIT 2 FOR UPDATE`);
    expect(await claim({ limit: 4 })).toHaveLength(2);
    await other.write('ROLLBACK');
  });

  it('leaves rows that are due in the future', async () => {
    await add({ next_run_at: '2037-01-01' });
    expect(await claim()).toEqual([]);
  });

  it.each([
    ['paused', { operator_state: 'paused' }],
    ['offline', { status: 'offline' }],
    ['superseded', { instance_token: randomBytes(16) }],
  ] as const)('claims nothing when the device is %s', async (permission, change) => {
    await add();
    const [column, value] = Object.entries(change)[0]!;
    await session.write(`UPDATE ${db.names.device} SET ${column} = ? WHERE device_id = 'd1'`, [value]);
    expect(await worker().turn([], {})).toMatchObject({ permission, claimed: [] });
  });

  it.each(BOTH)('goes on when the task table was emptied and its ids repeat (%s claim)', async (as) => {
    const id = await add();
    const [first] = await claim({ as });
    // Without an end a deferred claim has no row whose number could repeat.
    if (as === 'defer') await finish([first!, done]);
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [id]);
    await add({ id });
    const [again] = await claim({ as });
    expect(await finish([again!, done])).toEqual(['accepted']);
    expect((await attempts(id)).map((row) => [row.attempt, row.status])).toEqual([
      [1, as === 'defer' ? 'completed' : 'assigned'],
      [2, 'completed'],
    ]);
    expect(await task(id)).toMatchObject({ status: 'done', attempt: 2 });
  });
});

describe('finishing', () => {
  it('completes several attempts and claims the next in the same transaction', async () => {
    for (let n = 0; n < 3; n += 1) await add();
    const [one, other] = await claim({ limit: 2 });
    const ends = [one!, other!].map((each): [typeof each, Outcome] => [each, done]);
    const next = await worker().turn(ends, { limit: 2 });
    expect(next.reconciled.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
    expect(next.claimed).toHaveLength(1);
    expect(await task(one!.id)).toMatchObject({ status: 'done', claim_token: null, finished_at: expect.any(String) });
    const [attempt] = await attempts(one!.id);
    expect(attempt).toMatchObject({ status: 'completed', result: expect.stringMatching(/^\{"rows": ?1\}$/) });
    expect(attempt!.started_at <= attempt!.completed_at).toBe(true);
  });

  it('sends a failed attempt back to pending with its delay, until the budget is spent', async () => {
    const id = await add({ max_retry_count: 1 });
    await finish([(await claim())[0]!, failed]);
    expect(await task(id)).toMatchObject({ status: 'pending', retry: 1, last_error: 'boom' });
    const late = `SELECT id FROM ${db.names.task} WHERE due_at > NOW(3) + INTERVAL 25 SECOND`;
    expect(await session.rows(late)).toEqual([{ id }]);
    await session.write(`UPDATE ${db.names.task} SET next_run_at = NOW(3) WHERE id = ?`, [id]);
    await finish([(await claim())[0]!, failed]);
    expect(await task(id)).toMatchObject({ status: 'failed', retry: 2 });
    expect((await attempts(id)).map((row) => row.status)).toEqual(['failed', 'failed']);
  });

  it('B1 refuses the late result of a worker whose task was taken back and given to another', async () => {
    const id = await add();
    const [old] = await claim();
    await session.write(`UPDATE ${db.names.assignment} SET status = 'lost' WHERE id = ?`, [old!.assignment_id]);
    await session.write(`UPDATE ${db.names.task} SET status = 'pending', claim_token = NULL WHERE id = ?`, [id]);
    const [fresh] = await claim();
    expect(await finish([old!, done])).toEqual(['lost']);
    expect(await task(id)).toMatchObject({ status: 'running', claim_token: fresh!.claim_token });
    expect(await finish([fresh!, done])).toEqual(['accepted']);
  });

  it('B2 refuses a finish that does not carry the token of the claim', async () => {
    const id = await add();
    const [one] = await claim();
    expect(await finish([{ ...one!, claim_token: randomBytes(16) }, done])).toEqual(['lost']);
    expect(await task(id)).toMatchObject({ status: 'running' });
  });

  it('B6 the same device may try the same task again: one row per attempt', async () => {
    const id = await add();
    await finish([(await claim())[0]!, { ...failed, after: 0 }]);
    await finish([(await claim())[0]!, done]);
    expect((await attempts(id)).map((row) => [row.attempt, row.status, row.retry_count])).toEqual([
      [1, 'failed', 0],
      [2, 'completed', 1],
    ]);
  });

  it.each(BOTH)('knows its own earlier COMMIT that is sent again after a lost answer (%s claim)', async (as) => {
    const id = await add();
    const [one] = await claim({ as });
    await finish([one!, done]);
    const { reconciled } = await worker().turn([[one!, done]], { from: OWN }, { claim: undefined });
    expect(reconciled).toMatchObject([{ kind: 'committed', task_status: 'done' }]);
    expect(await attempts(id)).toHaveLength(1);
  });

  it('gives a revoked attempt the end that the operator asked for, unless its result came first', async () => {
    const ids = [await add(), await add()];
    const [one, other] = await claim();
    await session.write(
      `UPDATE ${db.names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoke_outcome = 'cancelled'`,
    );
    await finish([one!, { kind: 'released', cause: 'revoked' }], [other!, done]);
    expect(await task(ids[0]!)).toMatchObject({ status: 'cancelled' });
    expect(await attempts(ids[0]!)).toMatchObject([{ status: 'cancelled', cause: 'revoked' }]);
    expect(await task(ids[1]!)).toMatchObject({ status: 'done' });
  });

  it('writes nothing when inserting the follow-up tasks fails', async () => {
    const id = await add();
    const [one] = await claim();
    const outcome: Outcome = { kind: 'done', result: null, enqueue: [{ task_type: 'next' }] };
    const from = { kind: 'directed', device_id: 'd1' } as const;
    const enqueue = () => Promise.reject(new Error('refused'));
    await expect(worker().turn([[one!, outcome]], { from }, { claim: undefined, enqueue })).rejects.toThrow('refused');
    expect(await task(id)).toMatchObject({ status: 'running' });
  });
});

it('flushing starts marks an attempt as running once, and reports the ones that are no longer ours', async () => {
  await add();
  await add();
  const claimed = await claim();
  const [ours, theirs] = claimed;
  await session.write(`UPDATE ${db.names.assignment} SET status = 'lost' WHERE id = ?`, [theirs!.assignment_id]);
  const starts = claimed.map(({ assignment_id, claim_token }) => ({
    ...{ assignment_id: assignment_id!, claim_token, age_ms: 1500, lease_s: 60 },
  }));
  expect(await flushStarts(session, db.names, starts)).toEqual([theirs!.assignment_id]);
  expect(await attempts(ours!.id)).toMatchObject([{ status: 'running' }]);
});
