// Deferred claims: the attempt of a short task stands on the task row until it ends, or until somebody must speak to it.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type DeferredClaimRef, strayClaims } from '../../../src/core/db/attempts/deferred-claims.ts';
import { endDeferredClaims } from '../../../src/core/db/attempts/end-deferred-claims.ts';
import { materializeOwnClaims } from '../../../src/core/db/attempts/materialize-attempts.ts';
import { countOpen } from '../../../src/core/db/devices/set-operator-state.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import { claims } from '../../helpers/claims.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, addTask, attemptsOf, holding, setTask, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
const device = { device_id: 'd1', instance_token: randomBytes(16) };
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };

it.beforeEach(async () => {
  await addDevice('d1', { columns: { instance_token: device.instance_token } });
});

const worker = () => claims(session, names, device);
const finish: ReturnType<typeof worker>['finish'] = (...ends) => worker().finish(...ends);

async function claimOne() {
  await addTask();
  const [one] = await worker().claim({ as: 'defer' });
  const { id, claim_token: token } = one!;
  const ref: DeferredClaimRef = { task_id: id, claim_token: token, device_id: 'd1', orphaned: 1 };
  return { one: one!, id, token, ref };
}

it('a deferred claim stands on the task row and has no row of its own until it ends; then nothing is left on the task row', async () => {
  const { one, id, token } = await claimOne();
  expect(one.assignment_id).toBeNull();
  expect(await attemptsOf(id)).toEqual([]);
  const row = await taskRow(id);
  const held = { claim_token: token, claimed_by: 'd1', claim_instance: device.instance_token };
  expect(row).toMatchObject({ ...held, status: 'running', attempt: 1 });
  expect(row.claim_deadline > row.claimed_at).toBe(true);
  expect(await showTask(session, names, id)).toMatchObject({ device_id: 'd1', status: 'running' });
  expect(await countOpen(session, names, 'd1')).toBe(1);
  expect(await finish([one, done])).toEqual(['accepted']);
  const nothing = { claim_token: null, claimed_by: null, claim_instance: null };
  expect(await taskRow(id)).toMatchObject({ ...nothing, status: 'done', claimed_at: null, claim_deadline: null });
  const [attempt, ...more] = await attemptsOf(id);
  expect(more).toEqual([]);
  const ended = { status: 'completed', attempt: 1, device_id: 'd1', claim_token: token, cause: null };
  expect(attempt).toMatchObject(ended);
  expect(JSON.parse(attempt!.result)).toEqual({ rows: 1 });
  const times = [attempt!.assigned_at, attempt!.started_at, attempt!.completed_at, attempt!.deadline_at];
  expect(times).not.toContain(null);
});

it('a deferred claim gets its row from its worker when it lasts, and then ends like any other', async () => {
  const { one, id, token } = await claimOne();
  const materialize = (claim_token: Buffer) => materializeOwnClaims(session, names, [{ task_id: id, claim_token }]);
  expect(await materialize(randomBytes(16))).toEqual([]);
  const [recorded] = await materialize(token);
  expect(await attemptsOf(id)).toMatchObject([{ id: recorded!.assignment_id, status: 'assigned', cause: null }]);
  expect(await taskRow(id)).toMatchObject({ status: 'running', claimed_by: null, claim_token: token });
  await finish([{ ...one, assignment_id: recorded!.assignment_id }, done]);
  expect(await attemptsOf(id)).toMatchObject([{ status: 'completed' }]);
});

it('a deferred claim that an operator cancels gets its row, revoked, and its worker ends it as cancelled', async () => {
  const { one, id } = await claimOne();
  expect(await cancelTask(session, names, id)).toMatchObject({ revoking: true, device_id: 'd1' });
  expect(await attemptsOf(id)).toMatchObject([{ status: 'assigned', revoke_outcome: 'cancelled' }]);
  await finish([one, { kind: 'released', cause: 'revoked' }]);
  expect(await taskRow(id)).toMatchObject({ status: 'cancelled' });
  expect(await attemptsOf(id)).toMatchObject([{ status: 'cancelled' }]);
});

describe('a deferred claim whose worker is gone', () => {
  const strays = () => strayClaims(session, names, 10, { after: 0, limit: 10 });
  const end = (ref: DeferredClaimRef, cause: 'device_dead' | undefined) =>
    transaction(session, () => endDeferredClaims(session, names, [ref], () => cause, undefined));

  it('is lost, and its task open again; no death is counted, since it may not have begun', async () => {
    const { id, ref } = await claimOne();
    expect(await strays()).toEqual([]);
    await session.write(`UPDATE ${names.task} SET claimed_at = claimed_at - INTERVAL 11 SECOND`);
    expect(await strays()).toMatchObject([{ orphaned: 0 }]);
    await session.write(`UPDATE ${names.device} SET status = 'offline'`);
    expect(await strays()).toEqual([ref]);
    // Not while its device is back, nor from under a worker that ends it at this moment.
    expect(await end(ref, undefined)).toBe(0);
    const other = await holding(names.task, id);
    expect(await end(ref, 'device_dead')).toBe(0);
    await other.write('ROLLBACK');
    expect(await end(ref, 'device_dead')).toBe(1);
    const open = { status: 'pending', lost_count: 0, retry: 0, attempt: 1, claimed_by: null };
    expect(await taskRow(id)).toMatchObject(open);
    const lost = { status: 'lost', cause: 'device_dead', device_id: 'd1', completed_at: expect.anything() };
    expect(await attemptsOf(id)).toMatchObject([lost]);
  });
});

it('a task that another program changes under a deferred claim is recorded as lost when its worker ends it', async () => {
  const { one, id } = await claimOne();
  await setTask(id, { status: 'done' });
  const { reconciled } = await worker().turn(
    [[one, done]],
    { from: { kind: 'directed', device_id: 'd1' } },
    { claim: undefined },
  );
  expect(reconciled).toMatchObject([{ kind: 'lost', reason: 'the task is done' }]);
  expect(await attemptsOf(id)).toMatchObject([{ status: 'lost', cause: 'foreign' }]);
  expect(await taskRow(id)).toMatchObject({ status: 'done', claimed_by: null });
});

const lost = (claim_token: Buffer) => ({ attempt: 1, status: 'lost', cause: 'foreign', claim_token });

it('a task that another program changes under a deferred claim is recorded as lost when it was set back and is claimed again', async () => {
  const { one, id, token } = await claimOne();
  await setTask(id, { status: 'pending' });
  const [again] = await worker().claim({ as: 'defer' });
  expect(again).toMatchObject({ id, claimed_by: 'd1' });
  expect(await attemptsOf(id)).toMatchObject([lost(token)]);
  const held = { status: 'running', attempt: 2, claim_token: again!.claim_token, claimed_by: 'd1' };
  expect(await taskRow(id)).toMatchObject(held);
  expect(await finish([one, done])).toEqual(['lost']);
  await finish([again!, done]);
  expect(await attemptsOf(id)).toMatchObject([{ status: 'lost' }, { attempt: 2, status: 'completed' }]);
});

it('a task that another program changes under a deferred claim is recorded once when its worker ends it and claims it again in one transaction', async () => {
  const { one, id, token } = await claimOne();
  await setTask(id, { status: 'pending' });
  const { claimed } = await worker().turn([[one, done]], { as: 'defer' });
  expect(claimed).toMatchObject([{ id }]);
  expect(await attemptsOf(id)).toMatchObject([lost(token)]);
  expect(await taskRow(id)).toMatchObject({ status: 'running', attempt: 2, claim_token: claimed[0]!.claim_token });
});
