// What the end of an attempt leaves on its task and in its row, whether the attempt had a row or not.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { claimedPayload } from '../../src/core/db/attempts/claimed-payload.ts';
import { flushStarts } from '../../src/core/db/attempts/flush-starts.ts';
import { recoverClaims } from '../../src/core/db/attempts/recover-claims.ts';
import { setAside } from '../../src/core/db/claim/set-aside.ts';
import { ANY_WIDTHS } from '../../src/core/db/claim/text-widths.ts';
import { showTask } from '../../src/core/db/tasks/show-task.ts';
import { RESULT_BYTES, resultOutcome } from '../../src/core/domain/attempt/handler-result.ts';
import type { Outcome } from '../../src/core/domain/attempt/outcome.ts';
import { type ClaimOptions, claims } from '../helpers/claims.ts';
import { it, names, session, useDatabase } from '../helpers/database-here.ts';
import { addDevice, addTask, attemptRow, attemptsOf, setAttempt, taskRow } from '../helpers/rows-here.ts';

useDatabase();
const device = { device_id: 'd1', instance_token: randomBytes(16) };
it.beforeEach(async () => {
  await addDevice('d1', { columns: { instance_token: device.instance_token } });
});

const claim = (options: ClaimOptions = {}) => claims(session, names, device).claim(options);
const claimOne = async (options: ClaimOptions = {}) => (await claim({ ...options, limit: 1 }))[0]!;
const finish: ReturnType<typeof claims>['finish'] = (...ends) => claims(session, names, device).finish(...ends);
const done = (result: unknown): Outcome => ({ kind: 'done', result, enqueue: [] });
const failed: Outcome = { kind: 'retry', error_message: 'boom', error_class: 'E' };
const BOTH = ['record', 'defer'] as const;

it.each(BOTH)(
  'a result of two thousand letters comes back as it was, each with its own task (%s claims)',
  async (as) => {
    const text = '数据 '.repeat(500).padEnd(2000, 'x');
    const ids = [await addTask(), await addTask()];
    const [one, other] = await claim({ as });
    await finish([one!, done({ text, n: 1 })], [other!, done({ text, n: 2 })]);
    const stored = await Promise.all(ids.map(async (id) => (await showTask(session, names, id)).result));
    expect(stored).toEqual([1, 2].map((n) => ({ text, n })));
  },
);

it.for(BOTH)('a result of 4 MB is stored whole, and one byte more is no result (%s claim)', async (as, { skip }) => {
  const longest = 'x'.repeat(RESULT_BYTES - 2);
  expect(RESULT_BYTES).toBe(4 * 1024 * 1024);
  expect(resultOutcome(`${longest}x`, { now: 0 })).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
  skip(session.facts.maxAllowedPacket < 8e6, 'the server takes no row of that size');
  const id = await addTask();
  expect(await finish([await claimOne({ as }), resultOutcome(longest, { now: 0 })])).toEqual(['accepted']);
  expect((await showTask(session, names, id)).result).toBe(longest);
});

const failure = { error_message: 'boom', error_class: 'E' };
const before = { retry: 1, lost_count: 2, last_error: 'earlier', next_run_at: '2020-01-01 00:00:00.000' };
const noDeath = { lost_count: 0, last_error: 'boom', claim_token: null, claimed_by: null };
const ENDS: Array<[string, Outcome, task: Record<string, unknown>, attempt: Record<string, unknown>]> = [
  [
    'done: no error and no death is remembered, the tries that were spent are',
    done(null),
    { status: 'done', retry: 1, lost_count: 0, last_error: null },
    { status: 'completed' },
  ],
  [
    'failed: its own error, and no death is remembered',
    failed,
    { ...noDeath, status: 'pending', retry: 2 },
    { ...failure, status: 'failed', cause: null, result: null },
  ],
  [
    'failed for good',
    { ...failure, kind: 'permanent' },
    { ...noDeath, status: 'failed', retry: 2 },
    { ...failure, status: 'failed' },
  ],
  [
    'timeout',
    { kind: 'timeout', error_message: 'late' },
    { status: 'pending', retry: 2, last_error: 'late' },
    { status: 'timeout' },
  ],
  ['later: no try is spent', { kind: 'later', error_message: 'quota', after: 60 }, { status: 'pending', retry: 1 }, {}],
  [
    'released: everything as it was, due as before',
    { kind: 'released', cause: 'shutdown' },
    { ...before, status: 'pending', finished_at: null },
    { status: 'released', cause: 'shutdown' },
  ],
];
const CASES = ENDS.flatMap((one) => BOTH.map((as) => [...one, as] as const));

it.each(CASES)(
  'what an end leaves on its task and in the row of its attempt: %s',
  async (_name, outcome, task, attempt, as) => {
    const id = await addTask(before);
    await finish([await claimOne({ as }), outcome]);
    expect(await taskRow(id)).toMatchObject(task);
    expect(await attemptsOf(id)).toMatchObject([{ ...device, attempt: 1, retry_count: 1, ...attempt }]);
  },
);

it('a claim takes the target off, so that a task which was directed once is everybody’s after it', async () => {
  for (const as of BOTH) {
    const id = await addTask({ status: 'assigned', target_device_id: 'd1', target_until: '2099-01-01' });
    const one = await claimOne({ as, from: { kind: 'directed', device_id: 'd1' } });
    expect(await taskRow(id)).toMatchObject({ target_device_id: null, target_until: null });
    await finish([one, failed]);
    expect(await taskRow(id)).toMatchObject({ status: 'pending', target_device_id: null });
  }
});

it('of many that end together, each has its own: done and failed ones side by side', async () => {
  for (let n = 0; n < 3; n += 1) await addTask();
  const [a, b, c] = await claim({ as: 'defer' });
  await finish([a!, done(1)], [b!, failed], [c!, done(3)]);
  const rows = await session.rows(`SELECT status, result, error_message FROM ${names.assignment} ORDER BY task_id`);
  expect(rows).toEqual([
    { status: 'completed', result: '1', error_message: null },
    { status: 'failed', result: null, error_message: 'boom' },
    { status: 'completed', result: '3', error_message: null },
  ]);
});

const left = async (column: string, table: string) =>
  (await session.rows(`SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), ${column}) AS s FROM ${table} ORDER BY id`)).map(
    ({ s }) => Math.round(Number(s) / 100) * 100,
  );

it.each(BOTH)('the deadline of a claim is each task’s own (%s claims)', async (as) => {
  const first = await addTask();
  await addTask();
  await claim({ as, leaseOf: ({ id }) => (id === first ? 100 : 900) });
  const [column, table] = as === 'defer' ? ['claim_deadline', names.task] : ['deadline_at', names.assignment];
  expect(await left(column!, table!)).toEqual([100, 900]);
});

it('the deadline of a claim counts from the start of its handler once that is known, and the first start stays', async () => {
  await addTask();
  const { assignment_id, claim_token } = await claimOne({ leaseOf: () => 100 });
  const begun = async (age_ms: number) => {
    await flushStarts(session, names, [{ assignment_id: assignment_id!, claim_token, age_ms, lease_s: 900 }]);
    return (await attemptRow(assignment_id!)).started_at;
  };
  const first = await begun(0);
  expect(await left('deadline_at', names.assignment)).toEqual([900]);
  expect(await begun(200_000)).toBe(first);
  expect(await left('deadline_at', names.assignment)).toEqual([700]);
});

it('after a lost connection a claim is found by its token: what has begun or ended, and another device’s, is not', async () => {
  for (let n = 0; n < 4; n += 1) await addTask();
  const [waits, runs, over] = [await claimOne(), await claimOne(), await claimOne()];
  const deferred = await claimOne({ as: 'defer' });
  await setAttempt(runs.assignment_id!, { status: 'running' });
  await finish([over, failed]);
  const tokens = [waits, runs, over, deferred].map((one) => one.claim_token);
  const found = await recoverClaims(session, names, 'd1', tokens);
  expect(found.map((one) => [one.id, one.attempt, one.assignment_id, one.claim_token])).toEqual([
    [waits.id, 0, waits.assignment_id, waits.claim_token],
    [deferred.id, 0, null, deferred.claim_token],
  ]);
  expect(await recoverClaims(session, names, 'd2', tokens)).toEqual([]);
  expect(await recoverClaims(session, names, 'd1', [])).toEqual([]);
});

it('the payload of a task is given to the attempt that holds it, and to no other', async () => {
  const task_data = JSON.stringify({ long: 'x'.repeat(20_000) });
  const task_id = await addTask({ task_data });
  const one = await claimOne();
  expect(one).toMatchObject({ id: task_id, task_data: null });
  const payload = (claim_token: Buffer) => claimedPayload(session, names, { task_id, claim_token });
  expect(JSON.parse((await payload(one.claim_token))!)).toEqual(JSON.parse(task_data));
  expect(await payload(randomBytes(16))).toBeUndefined();
  await finish([one, failed]);
  expect(await payload(one.claim_token)).toBeUndefined();
});

it('a directed task is claimed best rank first, then what is due first; one that is later, or another’s, is not', async () => {
  const directed = (columns: Record<string, unknown>) =>
    addTask({ status: 'assigned', target_device_id: 'd1', ...columns });
  const plain = await directed({ next_run_at: '2020-01-02' });
  const earlier = await directed({ next_run_at: '2020-01-01' });
  const urgent = await directed({ priority: 9 });
  await directed({ next_run_at: '2099-01-01' });
  await directed({ target_device_id: 'd2' });
  await directed({ status: 'pending' });
  const found = await claim({ from: { kind: 'directed', device_id: 'd1' } });
  expect(found.map((one) => one.id)).toEqual([urgent, earlier, plain]);
});

const said = { text: 'the server refuses it', width: ANY_WIDTHS.last_error };

it('putting a task aside fails it, with why; without a text the last error stays', async () => {
  const one = await addTask();
  const other = await addTask({ status: 'assigned', target_device_id: 'd1', last_error: 'earlier' });
  expect(await setAside(session, names, one, said)).toBe(1);
  expect(await setAside(session, names, other, undefined)).toBe(1);
  const finished_at = expect.stringMatching(/^\d{4}-/);
  expect(await taskRow(one)).toMatchObject({ status: 'failed', last_error: said.text, finished_at });
  expect(await taskRow(other)).toMatchObject({ status: 'failed', last_error: 'earlier' });
});

it('putting a task aside leaves what somebody runs or has ended', async () => {
  for (const status of ['running', 'done', 'cancelled', 'waiting']) {
    const id = await addTask({ status });
    const before = await taskRow(id);
    expect(await setAside(session, names, id, said)).toBe(0);
    expect(await taskRow(id)).toEqual(before);
  }
});
