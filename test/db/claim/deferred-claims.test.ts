// Deferred claims: the attempt of a short task stands on the task row until it ends, or until somebody must speak to it.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type DeferredClaimRef, strayClaims } from '../../../src/core/db/attempts/deferred-claims.ts';
import { endDeferredClaims, materializeForWorker } from '../../../src/core/db/attempts/end-deferred-claims.ts';
import { materializeOwnClaims } from '../../../src/core/db/attempts/materialize-attempts.ts';
import { countOpen } from '../../../src/core/db/devices/set-operator-state.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import { closeEarlierInstances } from '../../../src/core/worker/earlier-instances.ts';
import { claims } from '../../helpers/claims.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let add: () => Promise<number>;
const device = { device_id: 'd1', instance_token: randomBytes(16) };
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  add = given.rows.task;
  await given.rows.device({ device_id: 'd1', columns: { instance_token: device.instance_token } });
});

const worker = () => claims(session, db.names, device);
const claim = () => worker().claim({ as: 'defer' });
const finish: ReturnType<typeof worker>['finish'] = (...ends) => worker().finish(...ends);
const task = async (id: number) => (await session.rows(`SELECT * FROM ${db.names.task} WHERE id = ?`, [id]))[0]!;
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const setStatus = (id: number, status: string) =>
  session.write(`UPDATE ${db.names.task} SET status = ? WHERE id = ?`, [status, id]);

async function claimOne() {
  await add();
  const [one] = await claim();
  const { id, claim_token: token } = one!;
  const ref: DeferredClaimRef = { task_id: id, claim_token: token, device_id: 'd1', orphaned: 1 };
  return { one: one!, id, token, ref };
}

describe('a deferred claim', () => {
  it('stands on the task row and has no row of its own', async () => {
    const { one, id, token } = await claimOne();
    expect(one.assignment_id).toBeNull();
    expect(await attempts(id)).toEqual([]);
    const row = await task(id);
    expect(row).toMatchObject({ status: 'running', attempt: 1, claim_token: token, claimed_by: 'd1' });
    expect(row.claim_instance).toEqual(device.instance_token);
    expect(row.claim_deadline > row.claimed_at).toBe(true);
    expect(await showTask(session, db.names, id)).toMatchObject({ device_id: 'd1', status: 'running' });
    expect(await countOpen(session, db.names, 'd1')).toBe(1);
  });

  it('is recorded with its end, and leaves nothing on the task row', async () => {
    for (let n = 0; n < 3; n += 1) await add();
    const claimed = await claim();
    expect(await finish(...claimed.map((one): [typeof one, Outcome] => [one, done]))).toEqual([
      ...['accepted', 'accepted', 'accepted'],
    ]);
    const nothing = {
      claim_token: null,
      claimed_by: null,
      claim_instance: null,
      claimed_at: null,
      claim_deadline: null,
    };
    for (const { id, claim_token } of claimed) {
      expect(await task(id)).toMatchObject({ status: 'done', ...nothing });
      const [row, ...more] = await attempts(id);
      expect(more).toEqual([]);
      expect(row).toMatchObject({ status: 'completed', attempt: 1, device_id: 'd1', claim_token, cause: null });
      expect(JSON.parse(row!.result)).toEqual({ rows: 1 });
      expect([row!.assigned_at, row!.started_at, row!.completed_at, row!.deadline_at]).not.toContain(null);
    }
  });

  it('gets its row from its worker when it lasts, and then ends like any other', async () => {
    const { one, id, token } = await claimOne();
    const [recorded] = await materializeOwnClaims(session, db.names, [{ task_id: id, claim_token: token }]);
    expect(await attempts(id)).toMatchObject([{ id: recorded!.assignment_id, status: 'assigned', cause: null }]);
    expect(await task(id)).toMatchObject({ status: 'running', claimed_by: null, claim_token: token });
    await finish([{ ...one, assignment_id: recorded!.assignment_id }, done]);
    expect(await attempts(id)).toMatchObject([{ status: 'completed' }]);
  });

  it('that is no longer its worker’s gets no row from it', async () => {
    const { id, token } = await claimOne();
    await session.write(`UPDATE ${db.names.task} SET claim_token = ? WHERE id = ?`, [randomBytes(16), id]);
    expect(await materializeOwnClaims(session, db.names, [{ task_id: id, claim_token: token }])).toEqual([]);
    expect(await attempts(id)).toEqual([]);
  });

  it('that somebody has recorded meanwhile is ended by its worker all the same', async () => {
    const { one, id, ref } = await claimOne();
    await transaction(session, () => materializeForWorker(session, db.names, [ref]));
    expect(await finish([one, done])).toEqual(['accepted']);
    expect(await attempts(id)).toMatchObject([{ status: 'completed', cause: null }]);
  });
});

describe('an operator reaches a deferred claim', () => {
  it('cancels it: it gets its row, revoked, and its worker ends it as cancelled', async () => {
    const { one, id } = await claimOne();
    expect(await cancelTask(session, db.names, id)).toMatchObject({ revoking: true, device_id: 'd1' });
    expect(await attempts(id)).toMatchObject([{ status: 'assigned', revoke_outcome: 'cancelled' }]);
    await finish([one, { kind: 'released', cause: 'revoked' }]);
    expect(await task(id)).toMatchObject({ status: 'cancelled' });
    expect(await attempts(id)).toMatchObject([{ status: 'cancelled' }]);
  });

  it('reassigns it by force: what the worker brings later is refused', async () => {
    const { one, id } = await claimOne();
    await reassignTask(session, db.names, id, { force: true });
    expect(await finish([one, done])).toEqual(['lost']);
    expect(await task(id)).toMatchObject({ status: 'pending', claimed_by: null });
    expect(await attempts(id)).toMatchObject([{ status: 'released', cause: 'operator' }]);
  });
});

describe('a deferred claim whose worker is gone', () => {
  const strays = () => strayClaims(session, db.names, 10, { after: 0, limit: 10 });
  const end = (ref: DeferredClaimRef, cause: 'device_dead' | undefined) =>
    transaction(session, () => endDeferredClaims(session, db.names, [ref], () => cause, undefined));

  it('is lost, and its task open again; no death is counted, since it may not have begun', async () => {
    const { id, ref } = await claimOne();
    await session.write(`UPDATE ${db.names.device} SET status = 'offline'`);
    expect(await strays()).toEqual([ref]);
    expect(await end(ref, 'device_dead')).toBe(1);
    expect(await task(id)).toMatchObject({ status: 'pending', lost_count: 0, retry: 0, attempt: 1, claimed_by: null });
    expect(await attempts(id)).toMatchObject([{ status: 'lost', cause: 'device_dead', device_id: 'd1' }]);
    expect((await attempts(id))[0]!.completed_at).not.toBeNull();
  });

  it('stays while its device is back', async () => {
    const { id, ref } = await claimOne();
    expect(await end(ref, undefined)).toBe(0);
    expect(await task(id)).toMatchObject({ status: 'running', claimed_by: 'd1' });
  });

  it('is not taken from under a worker that ends it at this moment', async () => {
    const { id, ref } = await claimOne();
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [id]);
    expect(await end(ref, 'device_dead')).toBe(0);
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
    expect(await strays()).toEqual([]);
    await session.write(`UPDATE ${db.names.task} SET claimed_at = claimed_at - INTERVAL 11 SECOND`);
    expect(await strays()).toMatchObject([{ orphaned: 0 }]);
  });
});

describe('a task that another program changes under a deferred claim', () => {
  it('is recorded as lost when its worker ends it', async () => {
    const { one, id } = await claimOne();
    await setStatus(id, 'done');
    const { reconciled } = await worker().turn(
      [[one, done]],
      { from: { kind: 'directed', device_id: 'd1' } },
      { claim: undefined },
    );
    expect(reconciled).toMatchObject([{ kind: 'lost', reason: 'the task is done' }]);
    expect(await attempts(id)).toMatchObject([{ status: 'lost', cause: 'foreign' }]);
    expect(await task(id)).toMatchObject({ status: 'done', claimed_by: null });
  });

  it('is recorded as lost when it was set back and is claimed again', async () => {
    const { one, id, token } = await claimOne();
    await setStatus(id, 'pending');
    const [again] = await claim();
    expect(again).toMatchObject({ id, claimed_by: 'd1' });
    expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'lost', cause: 'foreign', claim_token: token }]);
    const held = { status: 'running', attempt: 2, claim_token: again!.claim_token, claimed_by: 'd1' };
    expect(await task(id)).toMatchObject(held);
    expect(await finish([one, done])).toEqual(['lost']);
    await finish([again!, done]);
    expect(await attempts(id)).toMatchObject([{ status: 'lost' }, { attempt: 2, status: 'completed' }]);
  });

  it('is recorded once when its worker ends it and claims it again in one transaction', async () => {
    const { one, id, token } = await claimOne();
    await setStatus(id, 'pending');
    const { claimed } = await worker().turn([[one, done]], { as: 'defer' });
    expect(claimed).toMatchObject([{ id }]);
    expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'lost', cause: 'foreign', claim_token: token }]);
    expect(await task(id)).toMatchObject({ status: 'running', attempt: 2, claim_token: claimed[0]!.claim_token });
  });
});
