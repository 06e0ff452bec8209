import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { flushStarts } from '../../../src/core/db/attempts/flush-starts.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import { type ClaimOptions, claims } from '../../helpers/claims.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, addTask, attemptsOf, setAttempt, setTask, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
const device = { device_id: 'd1', instance_token: randomBytes(16) };
const OWN = { kind: 'directed', device_id: 'd1' } as const;
const BOTH = ['record', 'defer'] as const;
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };
const failed: Outcome = { kind: 'retry', error_message: 'boom', error_class: 'Error' };

it.beforeEach(async () => {
  await addDevice('d1', { columns: { instance_token: device.instance_token } });
});

const worker = () => claims(session, names, device);
const claim = (options: ClaimOptions = {}) => worker().claim(options);
const claimOne = async (options: ClaimOptions = {}) => (await claim(options))[0]!;
const finish: ReturnType<typeof worker>['finish'] = (...ends) => worker().finish(...ends);

it('a claim takes as many tasks as asked, and records one assignment each', async () => {
  for (let n = 0; n < 3; n += 1) await addTask();
  const claimed = await claim({ limit: 2 });
  expect(claimed.map((one) => one.attempt)).toEqual([0, 0]);
  expect(new Set(claimed.map((one) => one.assignment_id)).size).toBe(2);
  for (const { id, assignment_id, claim_token } of claimed) {
    const held = { attempt: 1, claim_token };
    expect(await attemptsOf(id)).toMatchObject([{ ...held, id: assignment_id, status: 'assigned', device_id: 'd1' }]);
    expect(await taskRow(id)).toMatchObject({ ...held, status: 'running' });
  }
});

it('a claim skips rows that another session has locked, and never waits for them', async () => {
  for (let n = 0; n < 4; n += 1) await addTask();
  const other = await db.session();
  await other.write('START TRANSACTION');
  await other.rows(`SELECT id FROM ${names.task} FORCE INDEX (PRIMARY) ORDER BY id LIMIT 2 FOR UPDATE`);
  expect(await claim({ limit: 4 })).toHaveLength(2);
});

it('a claim leaves rows that are due in the future', async () => {
  await addTask({ next_run_at: '2037-01-01' });
  expect(await claim()).toEqual([]);
});

it.each([
  ['paused', { operator_state: 'paused' }],
  ['offline', { status: 'offline' }],
  ['superseded', { instance_token: randomBytes(16) }],
] as const)('a claim takes nothing when the device is %s', async (permission, change) => {
  await addTask();
  await session.write(`UPDATE ${names.device} SET ?`, [change]);
  expect(await worker().turn([], {})).toMatchObject({ permission, claimed: [] });
});

it.each(BOTH)('a claim goes on when the task table was emptied and its ids repeat (%s claim)', async (as) => {
  const id = await addTask();
  const first = await claimOne({ as });
  // Without an end a deferred claim has no row whose number could repeat.
  if (as === 'defer') await finish([first, done]);
  await session.write(`DELETE FROM ${names.task}`);
  await addTask({ id });
  expect(await finish([await claimOne({ as }), done])).toEqual(['accepted']);
  expect((await attemptsOf(id)).map((row) => [row.attempt, row.status])).toEqual([
    [1, as === 'defer' ? 'completed' : 'assigned'],
    [2, 'completed'],
  ]);
  expect(await taskRow(id)).toMatchObject({ status: 'done', attempt: 2 });
});

it('B6 finishing sends a failed attempt back to pending with its delay, until the budget is spent: one row for each', async () => {
  const id = await addTask({ max_retry_count: 1 });
  await finish([await claimOne(), failed]);
  expect(await taskRow(id)).toMatchObject({ status: 'pending', retry: 1, last_error: 'boom' });
  const late = `SELECT id FROM ${names.task} WHERE due_at > NOW(3) + INTERVAL 25 SECOND`;
  expect(await session.rows(late)).toEqual([{ id }]);
  await setTask(id, { next_run_at: '2020-01-01' });
  await finish([await claimOne(), failed]);
  expect(await taskRow(id)).toMatchObject({ status: 'failed', retry: 2 });
  expect((await attemptsOf(id)).map((row) => [row.attempt, row.status, row.retry_count])).toEqual([
    [1, 'failed', 0],
    [2, 'failed', 1],
  ]);
});

it('B1 finishing refuses the late result of a worker whose task was taken back and given to another', async () => {
  const id = await addTask();
  const old = await claimOne();
  await setAttempt(old.assignment_id!, { status: 'lost' });
  await setTask(id, { status: 'pending', claim_token: null });
  const fresh = await claimOne();
  expect(await finish([old, done])).toEqual(['lost']);
  expect(await taskRow(id)).toMatchObject({ status: 'running', claim_token: fresh.claim_token });
  expect(await finish([fresh, done])).toEqual(['accepted']);
});

it('B2 finishing refuses a finish that does not carry the token of the claim', async () => {
  const id = await addTask();
  expect(await finish([{ ...(await claimOne()), claim_token: randomBytes(16) }, done])).toEqual(['lost']);
  expect(await taskRow(id)).toMatchObject({ status: 'running' });
});

it.each(BOTH)(
  'finishing knows its own earlier COMMIT that is sent again after a lost answer (%s claim)',
  async (as) => {
    const id = await addTask();
    const one = await claimOne({ as });
    await finish([one, done]);
    const { reconciled } = await worker().turn([[one, done]], { from: OWN }, { claim: undefined });
    expect(reconciled).toMatchObject([{ kind: 'committed', task_status: 'done' }]);
    expect(await attemptsOf(id)).toHaveLength(1);
  },
);

it('finishing gives a revoked attempt the end that the operator asked for, unless its result came first', async () => {
  const [first, second] = [await addTask(), await addTask()];
  const [one, other] = await claim();
  await session.write(`UPDATE ${names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoke_outcome = 'cancelled'`);
  await finish([one!, { kind: 'released', cause: 'revoked' }], [other!, done]);
  expect(await taskRow(first)).toMatchObject({ status: 'cancelled' });
  expect(await attemptsOf(first)).toMatchObject([{ status: 'cancelled', cause: 'revoked' }]);
  expect(await taskRow(second)).toMatchObject({ status: 'done' });
});

it('flushing starts marks an attempt as running once, and reports the ones that are no longer ours', async () => {
  await addTask();
  await addTask();
  const claimed = await claim();
  const [ours, theirs] = claimed;
  await setAttempt(theirs!.assignment_id!, { status: 'lost' });
  const starts = claimed.map(({ assignment_id, claim_token }) => ({
    ...{ assignment_id: assignment_id!, claim_token, age_ms: 1500, lease_s: 60 },
  }));
  expect(await flushStarts(session, names, starts)).toEqual([theirs!.assignment_id]);
  expect(await attemptsOf(ours!.id)).toMatchObject([{ status: 'running' }]);
});

it('finishing writes nothing when inserting the follow-up tasks fails', async () => {
  const id = await addTask();
  const one = await claimOne();
  const outcome: Outcome = { kind: 'done', result: null, enqueue: [{ task_type: 'next' }] };
  const enqueue = () => Promise.reject(new Error('refused'));
  const turn = worker().turn([[one, outcome]], { from: OWN }, { claim: undefined, enqueue });
  await expect(turn).rejects.toThrow('refused');
  expect(await taskRow(id)).toMatchObject({ status: 'running' });
});
