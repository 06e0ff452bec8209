// Deferred claims: the attempt of a short task stands on the task row until it ends, or until somebody must speak to it.

import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type DeferredClaimRef, strayClaims } from '../../../src/core/db/attempts/deferred-claims.ts';
import { endDeferredClaims, materializeForWorker } from '../../../src/core/db/attempts/end-deferred-claims.ts';
import { materializeOwnClaims } from '../../../src/core/db/attempts/materialize-attempts.ts';
import { recoverClaims } from '../../../src/core/db/attempts/recover-claims.ts';
import type { ClaimedTask } from '../../../src/core/db/claim/claimed-task.ts';
import { type FinishAndClaimInput, finishAndClaim } from '../../../src/core/db/claim/finish-and-claim.ts';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import { countOpen } from '../../../src/core/db/devices/set-operator-state.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import { closeEarlierInstances } from '../../../src/core/worker/earlier-instances.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
const instance = randomBytes(16);
const policy = { maxRetryCount: 3, backoff: (retry: number) => 30 * retry };
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await session.write(
    `INSERT INTO ${db.names.device} (device_id, device_name, device_type, ip_address, port, status, instance_token, last_heartbeat)
     VALUES ('d1', 'd1', 'worker', '127.0.0.1', 0, 'online', ?, UTC_TIMESTAMP(3))`,
    [instance],
  );
});

const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const run = (over: Partial<FinishAndClaimInput>) =>
  finishAndClaim(session, db.names, {
    device_id: 'd1',
    instance_token: instance,
    finishes: [],
    claim: undefined,
    policy,
    widths: ANY_WIDTHS,
    ...over,
  });
const finish = (one: ClaimedTask, token: Buffer, outcome: Outcome = done) => ({
  task_id: one.id,
  task_type: one.task_type,
  attempt: one.attempt + 1,
  assignment_id: one.assignment_id,
  claim_token: token,
  outcome,
  age_ms: 5,
});

/** Claims tasks of the only lane, all of them lightly. */
async function claim(add: number, finishes: FinishAndClaimInput['finishes'] = []) {
  for (let i = 0; i < add; i += 1) await session.write(`INSERT INTO ${db.names.task} (task_type) VALUES ('t')`);
  const [at] = await session.rows(`SELECT lane, claim_rank FROM ${db.names.task} WHERE status = 'pending' LIMIT 1`);
  const token = randomBytes(16);
  const result = await run({
    finishes,
    claim: {
      claim_token: token,
      ...{ limit: 10, free: 10, short: 10, alone: false },
      sources: [{ kind: 'lane', lane: at!.lane, claim_rank: at!.claim_rank, cursor: undefined }],
      leaseOf: () => 60,
      countFirst: false,
      ticket: false,
      mostFrom: () => Number.POSITIVE_INFINITY,
      admit: () => 'defer',
    },
  });
  return { claimed: result.claimed, token };
}

async function claimOne() {
  const { claimed, token } = await claim(1);
  const [one] = claimed;
  const ref: DeferredClaimRef = { task_id: one!.id, claim_token: token, device_id: 'd1', orphaned: 1 };
  return { one: one!, id: one!.id, token, ref };
}

describe('a deferred claim', () => {
  it('stands on the task row and has no row of its own', async () => {
    const { one, id, token } = await claimOne();
    expect(one.assignment_id).toBeNull();
    expect(await attempts(id)).toEqual([]);
    const row = await task(id);
    expect(row).toMatchObject({ status: 'running', attempt: 1, claim_token: token, claimed_by: 'd1' });
    expect(row.claim_instance).toEqual(instance);
    expect(row.claim_deadline > row.claimed_at).toBe(true);
    expect(await showTask(session, db.names, id)).toMatchObject({ device_id: 'd1', status: 'running' });
    expect(await countOpen(session, db.names, 'd1')).toBe(1);
  });

  it('is recorded with its end, and leaves nothing on the task row', async () => {
    const { claimed, token } = await claim(3);
    const { reconciled } = await run({ finishes: claimed.map((one) => finish(one, token)) });
    expect(reconciled.map((one) => one.kind)).toEqual(['accepted', 'accepted', 'accepted']);
    for (const { id } of claimed) {
      expect(await task(id)).toMatchObject({
        status: 'done',
        claim_token: null,
        claimed_by: null,
        claim_instance: null,
        claimed_at: null,
        claim_deadline: null,
      });
      const [row, ...more] = await attempts(id);
      expect(more).toEqual([]);
      expect(row).toMatchObject({ status: 'completed', attempt: 1, device_id: 'd1', claim_token: token, cause: null });
      expect(JSON.parse(row!.result)).toEqual({ rows: 1 });
      expect([row!.assigned_at, row!.started_at, row!.completed_at, row!.deadline_at]).not.toContain(null);
    }
  });

  it.each([
    ['failed', { kind: 'retry', error_message: 'no', error_class: 'x' }, 'pending', 1],
    ['failed', { kind: 'permanent', error_message: 'no', error_class: 'x' }, 'failed', 1],
    ['timeout', { kind: 'timeout', error_message: 'late' }, 'pending', 1],
    ['released', { kind: 'released', cause: 'prefetched' }, 'pending', 0],
  ] as const)('that ends as %s by %o is recorded so', async (status, outcome, taskStatus, retry) => {
    const { one, id, token } = await claimOne();
    await run({ finishes: [finish(one, token, outcome)] });
    expect(await attempts(id)).toMatchObject([{ status, attempt: 1, retry_count: 0 }]);
    expect(await task(id)).toMatchObject({ status: taskStatus, retry, claimed_by: null });
  });

  it('whose end was written, but not answered, is known as written before', async () => {
    const { one, id, token } = await claimOne();
    await run({ finishes: [finish(one, token)] });
    const again = await run({ finishes: [finish(one, token)] });
    expect(again.reconciled).toMatchObject([{ kind: 'committed', task_status: 'done' }]);
    expect(await attempts(id)).toHaveLength(1);
  });

  it('is found by its token when nobody knows whether its COMMIT happened', async () => {
    const { id, token } = await claimOne();
    const found = await recoverClaims(session, db.names, 'd1', [token, randomBytes(16)]);
    expect(found).toMatchObject([{ id, attempt: 0, assignment_id: null, claim_token: token }]);
  });

  it('gets its row from its worker when it lasts, and then ends like any other', async () => {
    const { one, id, token } = await claimOne();
    const [recorded] = await materializeOwnClaims(session, db.names, [{ task_id: id, claim_token: token }]);
    expect(await attempts(id)).toMatchObject([{ id: recorded!.assignment_id, status: 'assigned', cause: null }]);
    expect(await task(id)).toMatchObject({ status: 'running', claimed_by: null, claim_token: token });
    await run({ finishes: [finish({ ...one, assignment_id: recorded!.assignment_id }, token)] });
    expect(await attempts(id)).toMatchObject([{ status: 'completed' }]);
  });

  it('that is no longer its worker’s gets no row from it', async () => {
    const { id, token } = await claimOne();
    await session.write(`UPDATE ${db.names.task} SET claim_token = ? WHERE id = ?`, [randomBytes(16), id]);
    expect(await materializeOwnClaims(session, db.names, [{ task_id: id, claim_token: token }])).toEqual([]);
    expect(await attempts(id)).toEqual([]);
  });

  it('that somebody has recorded meanwhile is ended by its worker all the same', async () => {
    const { one, id, token, ref } = await claimOne();
    await transaction(session, () => materializeForWorker(session, db.names, [ref]));
    const { reconciled } = await run({ finishes: [finish(one, token)] });
    expect(reconciled).toMatchObject([{ kind: 'accepted' }]);
    expect(await attempts(id)).toMatchObject([{ status: 'completed', cause: null }]);
  });
});

describe('an operator reaches a deferred claim', () => {
  it('cancels it: it gets its row, revoked, and its worker ends it as cancelled', async () => {
    const { one, id, token } = await claimOne();
    expect(await cancelTask(session, db.names, id)).toMatchObject({ revoking: true, device_id: 'd1' });
    expect(await attempts(id)).toMatchObject([{ status: 'assigned', revoke_outcome: 'cancelled' }]);
    await run({ finishes: [finish(one, token, { kind: 'released', cause: 'revoked' })] });
    expect(await task(id)).toMatchObject({ status: 'cancelled' });
    expect(await attempts(id)).toMatchObject([{ status: 'cancelled' }]);
  });

  it('reassigns it by force: what the worker brings later is refused', async () => {
    const { one, id, token } = await claimOne();
    await reassignTask(session, db.names, id, { force: true });
    const { reconciled } = await run({ finishes: [finish(one, token)] });
    expect(reconciled).toMatchObject([{ kind: 'lost' }]);
    expect(await task(id)).toMatchObject({ status: 'pending', claimed_by: null });
    expect(await attempts(id)).toMatchObject([{ status: 'released', cause: 'operator' }]);
  });
});

describe('a deferred claim whose worker is gone', () => {
  it('is lost, and its task open again; no death is counted, since it may not have begun', async () => {
    const { id, ref } = await claimOne();
    await session.write(`UPDATE ${db.names.device} SET status = 'offline'`);
    expect(await strayClaims(session, db.names, 10, { after: 0, limit: 10 })).toEqual([ref]);
    const ended = await transaction(session, () =>
      endDeferredClaims(session, db.names, [ref], () => 'device_dead', undefined),
    );
    expect(ended).toBe(1);
    expect(await task(id)).toMatchObject({ status: 'pending', lost_count: 0, retry: 0, attempt: 1, claimed_by: null });
    expect(await attempts(id)).toMatchObject([{ status: 'lost', cause: 'device_dead', device_id: 'd1' }]);
    expect((await attempts(id))[0]!.completed_at).not.toBeNull();
  });

  it('stays while its device is back', async () => {
    const { id, ref } = await claimOne();
    expect(
      await transaction(session, () => endDeferredClaims(session, db.names, [ref], () => undefined, undefined)),
    ).toBe(0);
    expect(await task(id)).toMatchObject({ status: 'running', claimed_by: 'd1' });
  });

  it('is not taken from under a worker that ends it at this moment', async () => {
    const { id, ref } = await claimOne();
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [id]);
    expect(
      await transaction(session, () => endDeferredClaims(session, db.names, [ref], () => 'device_dead', undefined)),
    ).toBe(0);
    await other.write('ROLLBACK');
  });

  it('is closed by the next process of the same device id', async () => {
    const { id } = await claimOne();
    const device = { deviceId: 'd1', instanceToken: randomBytes(16) };
    const ends = { max_retry_count: 3, retry_backoff: { initial: 1, max: 1, jitter: 0 }, lost_backoff: [0, 60, 300] };
    expect(await closeEarlierInstances(session, db.names, device, ends)).toBe(1);
    expect(await attempts(id)).toMatchObject([{ status: 'lost', cause: 'superseded' }]);
    expect(await task(id)).toMatchObject({ status: 'pending' });
  });

  it('is not stray while its worker lives and it is young', async () => {
    await claimOne();
    expect(await strayClaims(session, db.names, 10, { after: 0, limit: 10 })).toEqual([]);
    await session.write(`UPDATE ${db.names.task} SET claimed_at = claimed_at - INTERVAL 11 SECOND`);
    expect(await strayClaims(session, db.names, 10, { after: 0, limit: 10 })).toMatchObject([{ orphaned: 0 }]);
  });
});

describe('a task that another program changes under a deferred claim', () => {
  it('is recorded as lost when its worker ends it', async () => {
    const { one, id, token } = await claimOne();
    await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ?`, [id]);
    const { reconciled } = await run({ finishes: [finish(one, token)] });
    expect(reconciled).toMatchObject([{ kind: 'lost', reason: 'the task is done' }]);
    expect(await attempts(id)).toMatchObject([{ status: 'lost', cause: 'foreign' }]);
    expect(await task(id)).toMatchObject({ status: 'done', claimed_by: null });
  });

  it('is recorded as lost when it was set back and is claimed again', async () => {
    const { one, id, token } = await claimOne();
    await session.write(`UPDATE ${db.names.task} SET status = 'pending' WHERE id = ?`, [id]);
    const again = await claim(0);
    expect(again.claimed).toMatchObject([{ id, claimed_by: 'd1' }]);
    expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'lost', cause: 'foreign', claim_token: token }]);
    expect(await task(id)).toMatchObject({ status: 'running', attempt: 2, claim_token: again.token, claimed_by: 'd1' });
    expect((await run({ finishes: [finish(one, token)] })).reconciled).toMatchObject([{ kind: 'lost' }]);
    await run({ finishes: [finish(again.claimed[0]!, again.token)] });
    expect(await attempts(id)).toMatchObject([{ status: 'lost' }, { attempt: 2, status: 'completed' }]);
  });

  it('is recorded once when its worker ends it and claims it again in one transaction', async () => {
    const { one, id, token } = await claimOne();
    await session.write(`UPDATE ${db.names.task} SET status = 'pending' WHERE id = ?`, [id]);
    const again = await claim(0, [finish(one, token)]);
    expect(again.claimed).toMatchObject([{ id }]);
    expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'lost', cause: 'foreign', claim_token: token }]);
    expect(await task(id)).toMatchObject({ status: 'running', attempt: 2, claim_token: again.token });
  });

  it('that was emptied, so that ids and attempt numbers repeat, records the end under the next number', async () => {
    const first = await claimOne();
    await run({ finishes: [finish(first.one, first.token)] });
    await session.write(`DELETE FROM ${db.names.task}`);
    await session.write(`INSERT INTO ${db.names.task} (id, task_type) VALUES (?, 't')`, [first.id]);
    const { claimed, token } = await claim(0);
    const { reconciled } = await run({ finishes: [finish(claimed[0]!, token)] });
    expect(reconciled).toMatchObject([{ kind: 'accepted' }]);
    expect(await attempts(first.id)).toMatchObject([
      { attempt: 1, status: 'completed' },
      { attempt: 2, status: 'completed' },
    ]);
    expect(await task(first.id)).toMatchObject({ status: 'done', attempt: 2 });
  });
});
