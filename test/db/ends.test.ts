// What the end of an attempt leaves on its task and in its row, whether the attempt had a row or not.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { claimedPayload } from '../../src/core/db/attempts/claimed-payload.ts';
import { flushStarts } from '../../src/core/db/attempts/flush-starts.ts';
import { recoverClaims } from '../../src/core/db/attempts/recover-claims.ts';
import { setAside } from '../../src/core/db/claim/set-aside.ts';
import { ANY_WIDTHS } from '../../src/core/db/claim/text-widths.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { showTask } from '../../src/core/db/tasks/show-task.ts';
import { RESULT_BYTES, resultOutcome } from '../../src/core/domain/attempt/handler-result.ts';
import type { Outcome } from '../../src/core/domain/attempt/outcome.ts';
import { type ClaimOptions, claims } from '../helpers/claims.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertDevice, insertTask, readAttempt, readTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let names: TableNames;
const device = { device_id: 'd1', instance_token: randomBytes(16) };

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  names = db.names;
  await insertDevice(session, names, { device_id: 'd1', columns: { instance_token: device.instance_token } });
});

const add = (columns: Record<string, unknown> = {}) => insertTask(session, names, { task_type: 't', ...columns });
const claim = (options: ClaimOptions = {}) => claims(session, names, device).claim(options);
const finish: ReturnType<typeof claims>['finish'] = (...ends) => claims(session, names, device).finish(...ends);
const done = (result: unknown): Outcome => ({ kind: 'done', result, enqueue: [] });
const failed: Outcome = { kind: 'retry', error_message: 'boom', error_class: 'E' };
const BOTH = ['record', 'defer'] as const;

describe('a result', () => {
  it.each(BOTH)('of two thousand letters comes back as it was, each with its own task (%s claims)', async (as) => {
    const text = '数据 '.repeat(500).padEnd(2000, 'x');
    const ids = [await add(), await add()];
    const [one, other] = await claim({ as });
    expect(await finish([one!, done({ text, n: 1 })], [other!, done({ text, n: 2 })])).toEqual([
      'accepted',
      'accepted',
    ]);
    const stored = await Promise.all(ids.map(async (id) => (await showTask(session, names, id)).result));
    expect(stored).toEqual([
      { text, n: 1 },
      { text, n: 2 },
    ]);
  });

  it.for(BOTH)('of 4 MB is stored whole, and one byte more is no result (%s claim)', async (as, { skip }) => {
    const longest = 'x'.repeat(RESULT_BYTES - 2);
    expect(RESULT_BYTES).toBe(4 * 1024 * 1024);
    expect(resultOutcome(`${longest}x`, { now: 0 })).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
    const outcome = resultOutcome(longest, { now: 0 });
    expect(outcome.kind).toBe('done');
    skip(session.facts.maxAllowedPacket < 8e6, 'the server takes no row of that size');
    const id = await add();
    const [one] = await claim({ as });
    expect(await finish([one!, outcome])).toEqual(['accepted']);
    expect((await showTask(session, names, id)).result).toBe(longest);
  });
});

describe('what an end leaves on its task and in the row of its attempt', () => {
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
    [
      'later: no try is spent',
      { kind: 'later', error_message: 'quota', after: 60 },
      { status: 'pending', retry: 1 },
      {},
    ],
    [
      'released: everything as it was, due as before',
      { kind: 'released', cause: 'shutdown' },
      { ...before, status: 'pending', finished_at: null },
      { status: 'released', cause: 'shutdown' },
    ],
  ];
  const CASES = ENDS.flatMap((one) => BOTH.map((as) => [...one, as] as const));

  it.each(CASES)('%s', async (_name, outcome, task, attempt, as) => {
    const id = await add(before);
    const [one] = await claim({ as });
    await finish([one!, outcome]);
    expect(await readTask(session, names, id)).toMatchObject(task);
    const rows = await session.rows(`SELECT * FROM ${names.assignment} WHERE task_id = ?`, [id]);
    expect(rows).toMatchObject([{ ...device, attempt: 1, retry_count: 1, ...attempt }]);
  });

  it('a claim takes the target off, so that a task which was directed once is everybody’s after it', async () => {
    for (const as of BOTH) {
      const id = await add({ status: 'assigned', target_device_id: 'd1', target_until: '2099-01-01' });
      const [one] = await claim({ as, from: { kind: 'directed', device_id: 'd1' } });
      expect(await readTask(session, names, id)).toMatchObject({ target_device_id: null, target_until: null });
      await finish([one!, failed]);
      expect(await readTask(session, names, id)).toMatchObject({ status: 'pending', target_device_id: null });
    }
  });

  it('of many that end together, each has its own: done and failed ones side by side', async () => {
    const ids = [await add(), await add(), await add()];
    const [a, b, c] = await claim({ as: 'defer' });
    await finish([a!, done(1)], [b!, failed], [c!, done(3)]);
    const rows = await session.rows(
      `SELECT task_id, status, result, error_message FROM ${names.assignment} ORDER BY task_id`,
    );
    expect(rows).toEqual([
      { task_id: ids[0], status: 'completed', result: '1', error_message: null },
      { task_id: ids[1], status: 'failed', result: null, error_message: 'boom' },
      { task_id: ids[2], status: 'completed', result: '3', error_message: null },
    ]);
  });
});

describe('the deadline of a claim', () => {
  const left = async (column: string, table: string) =>
    (
      await session.rows(`SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), ${column}) AS s FROM ${table} ORDER BY id`)
    ).map(({ s }) => Math.round(Number(s) / 100) * 100);

  it.each(BOTH)('is each task’s own (%s claims)', async (as) => {
    const first = await add();
    await add();
    await claim({ as, leaseOf: ({ id }) => (id === first ? 100 : 900) });
    const found =
      as === 'defer' ? await left('claim_deadline', names.task) : await left('deadline_at', names.assignment);
    expect(found).toEqual([100, 900]);
  });

  it('counts from the start of its handler once that is known, and the first start stays', async () => {
    await add();
    const [one] = await claim({ leaseOf: () => 100 });
    const start = (age_ms: number) => {
      const started = { assignment_id: one!.assignment_id!, claim_token: one!.claim_token, age_ms, lease_s: 900 };
      return flushStarts(session, names, [started]);
    };
    await start(0);
    const first = await readAttempt(session, names, one!.assignment_id!);
    expect(await left('deadline_at', names.assignment)).toEqual([900]);
    await start(200_000);
    expect((await readAttempt(session, names, one!.assignment_id!))?.started_at).toBe(first?.started_at);
    expect(await left('deadline_at', names.assignment)).toEqual([700]);
  });
});

describe('after a lost connection', () => {
  it('a claim is found by its token: what has begun or ended, and what another device holds, is not', async () => {
    for (let n = 0; n < 4; n += 1) await add();
    const [waits, runs, over, deferred] = [
      ...(await claim({ limit: 1 })),
      ...(await claim({ limit: 1 })),
      ...(await claim({ limit: 1 })),
      ...(await claim({ limit: 1, as: 'defer' })),
    ];
    await session.write(`UPDATE ${names.assignment} SET status = 'running' WHERE id = ?`, [runs!.assignment_id]);
    await finish([over!, failed]);
    const tokens = [waits, runs, over, deferred].map((one) => one!.claim_token);
    const found = await recoverClaims(session, names, 'd1', tokens);
    expect(found.map((one) => [one.id, one.attempt, one.assignment_id, one.claim_token])).toEqual([
      [waits!.id, 0, waits!.assignment_id, waits!.claim_token],
      [deferred!.id, 0, null, deferred!.claim_token],
    ]);
    expect(await recoverClaims(session, names, 'd2', tokens)).toEqual([]);
    expect(await recoverClaims(session, names, 'd1', [])).toEqual([]);
  });
});

describe('the payload of a task', () => {
  it('is given to the attempt that holds it, and to no other', async () => {
    const task_data = JSON.stringify({ long: 'x'.repeat(20_000) });
    const id = await add({ task_data });
    const [one] = await claim();
    expect(one).toMatchObject({ id, task_data: null });
    expect(JSON.parse((await claimedPayload(session, names, { ...one!, task_id: id }))!)).toEqual(
      JSON.parse(task_data),
    );
    const stale = { task_id: id, claim_token: randomBytes(16) };
    expect(await claimedPayload(session, names, stale)).toBeUndefined();
    await finish([one!, failed]);
    expect(await claimedPayload(session, names, { ...one!, task_id: id })).toBeUndefined();
  });
});

describe('a directed task', () => {
  it('is claimed best rank first, then what is due first; one that is due later, or is another’s, is not', async () => {
    const directed = (columns: Record<string, unknown>) =>
      add({ status: 'assigned', target_device_id: 'd1', ...columns });
    const plain = await directed({ next_run_at: '2020-01-02' });
    const earlier = await directed({ next_run_at: '2020-01-01' });
    const urgent = await directed({ priority: 9 });
    await directed({ next_run_at: '2099-01-01' });
    await directed({ target_device_id: 'd2' });
    await directed({ status: 'pending' });
    const found = await claim({ from: { kind: 'directed', device_id: 'd1' } });
    expect(found.map((one) => one.id)).toEqual([urgent, earlier, plain]);
  });
});

describe('putting a task aside', () => {
  const said = { text: 'the server refuses it', width: ANY_WIDTHS.last_error };

  it('fails it, with why; without a text the last error stays', async () => {
    const [one, other] = [
      await add(),
      await add({ status: 'assigned', target_device_id: 'd1', last_error: 'earlier' }),
    ];
    expect(await setAside(session, names, one, said)).toBe(1);
    expect(await setAside(session, names, other, undefined)).toBe(1);
    expect(await readTask(session, names, one)).toMatchObject({ status: 'failed', last_error: said.text });
    expect(await readTask(session, names, other)).toMatchObject({ status: 'failed', last_error: 'earlier' });
    expect((await readTask(session, names, one))?.finished_at).toMatch(/^\d{4}-/);
  });

  it('leaves what somebody runs or has ended', async () => {
    for (const status of ['running', 'done', 'cancelled', 'waiting']) {
      const id = await add({ status });
      const before = await readTask(session, names, id);
      expect(await setAside(session, names, id, said)).toBe(0);
      expect({ ...(await readTask(session, names, id)), due_in_s: 0 }).toEqual({ ...before, due_in_s: 0 });
    }
  });
});
