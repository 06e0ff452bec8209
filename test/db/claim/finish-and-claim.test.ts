import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { flushStarts } from '../../../src/core/db/attempts/flush-starts.ts';
import { recoverClaims } from '../../../src/core/db/attempts/recover-claims.ts';
import type { ClaimedTask } from '../../../src/core/db/claim/claimed-task.ts';
import { type FinishAndClaimInput, finishAndClaim } from '../../../src/core/db/claim/finish-and-claim.ts';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
const instance = randomBytes(16);
const policy = { maxRetryCount: 3, backoff: (retry: number) => 30 * retry };

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await session.write(
    `INSERT INTO ${db.names.device} (device_id, device_name, device_type, ip_address, port, status, instance_token, last_heartbeat)
     VALUES ('d1', 'd1', 'worker', '127.0.0.1', 0, 'online', ?, UTC_TIMESTAMP(3))`,
    [instance],
  );
});

async function addTasks(n: number, columns = '', values = ''): Promise<void> {
  for (let i = 0; i < n; i += 1) {
    await session.write(`INSERT INTO ${db.names.task} (task_type${columns}) VALUES ('t'${values})`);
  }
}

async function lane(): Promise<{ lane: Buffer; claim_rank: number }> {
  const [row] = await session.rows(`SELECT lane, claim_rank FROM ${db.names.task} WHERE status = 'pending' LIMIT 1`);
  return row as { lane: Buffer; claim_rank: number };
}

const run = (over: Partial<FinishAndClaimInput>, on: Session = session) =>
  finishAndClaim(on, db.names, {
    device_id: 'd1',
    instance_token: instance,
    finishes: [],
    claim: undefined,
    policy,
    widths: ANY_WIDTHS,
    ...over,
  });

async function claim(limit: number, token = randomBytes(16), on: Session = session) {
  const at = await lane();
  const result = await run(
    {
      claim: {
        claim_token: token,
        ...{ limit, free: limit, short: limit, alone: false },
        sources: at === undefined ? [] : [{ kind: 'lane', ...at, cursor: undefined }],
        leaseOf: () => 60,
        countFirst: false,
        ticket: false,
        mostFrom: () => Number.POSITIVE_INFINITY,
        admit: () => 'record' as const,
      },
    },
    on,
  );
  return { ...result, token };
}

const finish = (one: ClaimedTask, token: Buffer, outcome: Outcome) => ({
  task_id: one.id,
  task_type: one.task_type,
  attempt: one.attempt + 1,
  assignment_id: one.assignment_id,
  claim_token: token,
  outcome,
  age_ms: 5,
});
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };
const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);

describe('claiming', () => {
  it('takes as many tasks as asked, best rank first, and records one assignment each', async () => {
    await addTasks(3);
    const { claimed, token } = await claim(2);
    expect(claimed.map((one) => one.attempt)).toEqual([0, 0]);
    expect(new Set(claimed.map((one) => one.assignment_id)).size).toBe(2);
    for (const one of claimed) {
      const [row] = await attempts(one.id);
      expect(row).toMatchObject({
        id: one.assignment_id,
        status: 'assigned',
        attempt: 1,
        device_id: 'd1',
        claim_token: token,
      });
      expect(await task(one.id)).toMatchObject({ status: 'running', attempt: 1, claim_token: token });
    }
  });

  it('skips rows that another session has locked, and never waits for them', async () => {
    await addTasks(4);
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} FORCE INDEX (PRIMARY) ORDER BY id LIMIT 2 FOR UPDATE`);
    expect((await claim(4)).claimed).toHaveLength(2);
    await other.write('ROLLBACK');
  });

  it('leaves rows that are due in the future', async () => {
    await addTasks(1, ', next_run_at', ', NOW(3) + INTERVAL 1 HOUR');
    expect((await claim(1)).claimed).toEqual([]);
  });

  it.each([
    ['paused', { operator_state: 'paused' }],
    ['offline', { status: 'offline' }],
    ['superseded', { instance_token: randomBytes(16) }],
  ] as const)('claims nothing when the device is %s', async (permission, change) => {
    await addTasks(1);
    const [column, value] = Object.entries(change)[0]!;
    await session.write(`UPDATE ${db.names.device} SET ${column} = ? WHERE device_id = 'd1'`, [value]);
    const result = await claim(1);
    expect(result.permission).toBe(permission);
    expect(result.claimed).toEqual([]);
  });

  it('goes on when the task table was emptied and its ids repeat', async () => {
    await addTasks(1);
    const first = await claim(1);
    const { id } = first.claimed[0]!;
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [id]);
    await session.write(`INSERT INTO ${db.names.task} (id, task_type) VALUES (?, 't')`, [id]);
    const second = await claim(1);
    expect(second.claimed).toHaveLength(1);
    expect((await attempts(id)).map((row) => row.attempt)).toEqual([1, 2]);
  });

  it('can be looked up by its token after a lost connection', async () => {
    await addTasks(2);
    const { token, claimed } = await claim(2);
    const recovered = await recoverClaims(session, db.names, 'd1', [token, randomBytes(16)]);
    expect(recovered.map((one) => one.assignment_id).sort()).toEqual(claimed.map((one) => one.assignment_id).sort());
    expect(recovered[0]!.attempt).toBe(0);
  });
});

describe('finishing', () => {
  it('completes several attempts and claims the next in the same transaction', async () => {
    await addTasks(3);
    const { claimed, token } = await claim(2);
    const at = await lane();
    const next = await run({
      finishes: claimed.map((one) => finish(one, token, done)),
      claim: {
        claim_token: randomBytes(16),
        ...{ limit: 2, free: 2, short: 2, alone: false },
        sources: [{ kind: 'lane', ...at, cursor: undefined }],
        leaseOf: () => 60,
        countFirst: false,
        ticket: false,
        mostFrom: () => Number.POSITIVE_INFINITY,
        admit: () => 'record' as const,
      },
    });
    expect(next.reconciled.map((one) => one.kind)).toEqual(['accepted', 'accepted']);
    expect(next.claimed).toHaveLength(1);
    const row = await task(claimed[0]!.id);
    expect(row).toMatchObject({ status: 'done', claim_token: null });
    expect(row.finished_at).not.toBeNull();
    const [attempt] = await attempts(claimed[0]!.id);
    expect(attempt).toMatchObject({ status: 'completed' });
    expect(JSON.parse(attempt!.result)).toEqual({ rows: 1 });
    expect(attempt!.started_at <= attempt!.completed_at).toBe(true);
  });

  it('sends a failed attempt back to pending with its delay, until the budget is spent', async () => {
    await addTasks(1, ', max_retry_count', ', 1');
    const failed: Outcome = { kind: 'retry', error_message: 'boom', error_class: 'Error' };
    const first = await claim(1);
    await run({ finishes: [finish(first.claimed[0]!, first.token, failed)] });
    const { id } = first.claimed[0]!;
    expect(await task(id)).toMatchObject({ status: 'pending', retry: 1, last_error: 'boom' });
    const [due] = await session.rows(
      `SELECT TIMESTAMPDIFF(SECOND, NOW(3), due_at) AS s FROM ${db.names.task} WHERE id = ?`,
      [id],
    );
    expect(due!.s).toBeGreaterThan(25);
    await session.write(`UPDATE ${db.names.task} SET next_run_at = NOW(3) WHERE id = ?`, [id]);
    const second = await claim(1);
    await run({ finishes: [finish(second.claimed[0]!, second.token, failed)] });
    expect(await task(id)).toMatchObject({ status: 'failed', retry: 2 });
    expect((await attempts(id)).map((row) => row.status)).toEqual(['failed', 'failed']);
  });

  it('spends no attempt on "later" and on a release', async () => {
    await addTasks(2);
    const { claimed, token } = await claim(2);
    await run({
      finishes: [
        finish(claimed[0]!, token, { kind: 'later', error_message: 'quota', after: 60 }),
        finish(claimed[1]!, token, { kind: 'released', cause: 'shutdown' }),
      ],
    });
    expect(await task(claimed[0]!.id)).toMatchObject({ status: 'pending', retry: 0 });
    expect(await task(claimed[1]!.id)).toMatchObject({ status: 'pending', retry: 0 });
    expect((await attempts(claimed[1]!.id))[0]).toMatchObject({ status: 'released', cause: 'shutdown' });
  });

  it('B1 refuses the late result of a worker whose task was taken back and given to another', async () => {
    await addTasks(1);
    const old = await claim(1);
    const { id, assignment_id } = old.claimed[0]!;
    await session.write(`UPDATE ${db.names.assignment} SET status = 'lost' WHERE id = ?`, [assignment_id]);
    await session.write(`UPDATE ${db.names.task} SET status = 'pending', claim_token = NULL WHERE id = ?`, [id]);
    const fresh = await claim(1);
    const late = await run({ finishes: [finish(old.claimed[0]!, old.token, done)] });
    expect(late.reconciled[0]!.kind).toBe('lost');
    expect(await task(id)).toMatchObject({ status: 'running', claim_token: fresh.token });
    const right = await run({ finishes: [finish(fresh.claimed[0]!, fresh.token, done)] });
    expect(right.reconciled[0]!.kind).toBe('accepted');
  });

  it('B2 refuses a finish that does not carry the token of the claim', async () => {
    await addTasks(1);
    const { claimed } = await claim(1);
    const wrong = await run({ finishes: [finish(claimed[0]!, randomBytes(16), done)] });
    expect(wrong.reconciled[0]!.kind).toBe('lost');
    expect(await task(claimed[0]!.id)).toMatchObject({ status: 'running' });
  });

  it('B6 the same device may try the same task again: one row per attempt', async () => {
    await addTasks(1);
    const first = await claim(1);
    await run({
      finishes: [
        finish(first.claimed[0]!, first.token, { kind: 'retry', error_message: 'x', error_class: 'E', after: 0 }),
      ],
    });
    const second = await claim(1);
    await run({ finishes: [finish(second.claimed[0]!, second.token, done)] });
    const rows = await attempts(first.claimed[0]!.id);
    expect(rows.map((row) => [row.attempt, row.status, row.retry_count])).toEqual([
      [1, 'failed', 0],
      [2, 'completed', 1],
    ]);
  });

  it('says "already" when its own earlier COMMIT is sent again after a lost answer', async () => {
    await addTasks(1);
    const { claimed, token } = await claim(1);
    await run({ finishes: [finish(claimed[0]!, token, done)] });
    const again = await run({ finishes: [finish(claimed[0]!, token, done)] });
    expect(again.reconciled[0]!.kind).toBe('committed');
  });

  it('gives a revoked attempt the end that the operator asked for, unless its result came first', async () => {
    await addTasks(2);
    const { claimed, token } = await claim(2);
    await session.write(
      `UPDATE ${db.names.assignment} SET revoked_at = UTC_TIMESTAMP(3), revoke_outcome = 'cancelled'`,
    );
    await run({
      finishes: [finish(claimed[0]!, token, { kind: 'released', cause: 'revoked' }), finish(claimed[1]!, token, done)],
    });
    expect(await task(claimed[0]!.id)).toMatchObject({ status: 'cancelled' });
    expect((await attempts(claimed[0]!.id))[0]).toMatchObject({ status: 'cancelled', cause: 'revoked' });
    expect(await task(claimed[1]!.id)).toMatchObject({ status: 'done' });
  });

  it('writes nothing when inserting the follow-up tasks fails', async () => {
    await addTasks(1);
    const { claimed, token } = await claim(1);
    const outcome: Outcome = { kind: 'done', result: null, enqueue: [{ task_type: 'next' }] };
    const refused = run({
      finishes: [finish(claimed[0]!, token, outcome)],
      enqueue: async () => {
        throw new Error('refused');
      },
    });
    await expect(refused).rejects.toThrow('refused');
    expect(await task(claimed[0]!.id)).toMatchObject({ status: 'running' });
  });
});

describe('flushing starts', () => {
  it('marks an attempt as running once, and reports the ones that are no longer ours', async () => {
    await addTasks(2);
    const { claimed, token } = await claim(2);
    await session.write(`UPDATE ${db.names.assignment} SET status = 'lost' WHERE id = ?`, [claimed[1]!.assignment_id]);
    const lost = await flushStarts(
      session,
      db.names,
      claimed.map((one) => ({ assignment_id: one.assignment_id!, claim_token: token, age_ms: 1500, lease_s: 60 })),
    );
    expect(lost).toEqual([claimed[1]!.assignment_id]);
    expect((await attempts(claimed[0]!.id))[0]).toMatchObject({ status: 'running' });
  });
});
