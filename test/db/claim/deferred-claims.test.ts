// Deferred claims: the attempt of a short task stands on the task row until it ends, or until somebody must speak to it.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type DeferredClaimRef, strayClaims } from '../../../src/core/db/attempts/deferred-claims.ts';
import { endDeferredClaims } from '../../../src/core/db/attempts/end-deferred-claims.ts';
import { markBegun } from '../../../src/core/db/attempts/mark-begun.ts';
import { materializeOwnClaims } from '../../../src/core/db/attempts/materialize-attempts.ts';
import { ownAttempts, ownDeferredClaims } from '../../../src/core/db/attempts/own-claims.ts';
import { releaseDeferredClaims } from '../../../src/core/db/attempts/release-deferred-claims.ts';
import { countOpen } from '../../../src/core/db/devices/set-operator-state.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import type { Outcome } from '../../../src/core/domain/attempt/outcome.ts';
import { BlockedClaims } from '../../../src/core/node/blocked-claims.ts';
import type { Identity } from '../../../src/core/node/device-identity.ts';
import { PulseBoard } from '../../../src/core/node/pulse-board.ts';
import { claims } from '../../helpers/claims.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import {
  addAttempt,
  addDeferred,
  addTask,
  addWorker,
  attemptsOf,
  holding,
  setTask,
  taskRow,
} from '../../helpers/rows-here.ts';

useDatabase();
const instance = randomBytes(16);
const device = { device_id: 'd1', instance_token: instance, lock_name: '' };
const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };

it.beforeEach(async () => {
  await addWorker('d1', { instance_token: instance });
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

/** The task of a claim of d1 that has no row. */
const deferred = async (columns = {}, of = device) => (await addDeferred(of, columns)).task_id;
/** The task of a claim of d1 that has a row. */
const full = async (status: 'assigned' | 'running', columns = {}, of = device) =>
  (await addAttempt({ device: of, columns: { status, started_at: null, ...columns } })).task_id;
const list = () => ownDeferredClaims(session, names, 'd1', instance);
const rows = () => ownAttempts(session, names, 'd1', instance);
const owner = { deviceId: 'd1', instanceToken: instance } as Identity;

function hostages(begun: Array<{ id: number; until?: number }> = []) {
  const board = new PulseBoard(4);
  const places = begun.map(({ id, until = Number.POSITIVE_INFINITY }) => board.begin(id, 1, 0, until));
  const all = new BlockedClaims(session, names, board);
  return { board, places, all, free: (now = 0) => all.free(owner, now, () => true) };
}
const RELEASED = { status: 'released', cause: 'blocked' };
const NOTHING = { released: 0, materialized: 0 };

it('the claims of this process are its own alone: not those of another instance', async () => {
  expect([await list(), await rows()]).toEqual([[], []]);
  const [id, row] = [await deferred(), await full('assigned')];
  const other = { ...device, instance_token: randomBytes(16) };
  await deferred({}, other);
  await full('assigned', {}, other);
  expect([await list(), await rows()]).toMatchObject([[{ task_id: id }], [{ task_id: row }]]);
});

it('the claims of this process are released as they stand: a row, nothing spent, due as before; under another token nothing happens', async () => {
  const id = await deferred({ retry: 1, priority: 3 });
  const { next_run_at } = await taskRow(id);
  const refs = await list();
  const stale = refs.map((one) => ({ ...one, claim_token: randomBytes(16) }));
  const release = (which: typeof refs) =>
    transaction(session, () => releaseDeferredClaims(session, names, which, 'blocked'));
  expect([await release(stale), await release(refs), await release(refs)]).toEqual([0, 1, 0]);
  expect(await taskRow(id)).toMatchObject({
    ...{ status: 'pending', retry: 1, attempt: 1, lost_count: 0, next_run_at },
    ...{ claim_token: null, claimed_by: null, claim_instance: null, claimed_at: null, claim_deadline: null },
  });
  const ended = { ...RELEASED, attempt: 1, started_at: null, error_class: null, completed_at: expect.anything() };
  expect(await attemptsOf(id)).toMatchObject([ended]);
});

it('one look while the main thread is silent returns what has not begun, records what has, and leaves what has a row and runs', async () => {
  const [waiting, begun] = [await deferred(), await deferred()];
  const [assigned, unsaid, running] = [await full('assigned'), await full('assigned'), await full('running')];
  const { free } = hostages([{ id: begun }, { id: unsaid }, { id: running }]);
  expect(await free()).toEqual({ released: 2, materialized: 1 });
  for (const id of [waiting, assigned]) expect(await attemptsOf(id)).toMatchObject([RELEASED]);
  for (const id of [begun, unsaid])
    expect(await attemptsOf(id)).toMatchObject([{ status: 'running', cause: null, started_at: expect.anything() }]);
  expect(await attemptsOf(running)).toMatchObject([{ status: 'running' }]);
  expect([(await taskRow(waiting)).status, (await taskRow(begun)).status]).toEqual(['pending', 'running']);
  expect(await free()).toEqual(NOTHING);
});

it('one look while the main thread is silent says that an attempt has begun once, under its own token alone', async () => {
  const id = await full('assigned');
  const [ref] = await rows();
  expect(await markBegun(session, names, { ...ref!, claim_token: randomBytes(16) }, 5)).toBe(0);
  expect(await attemptsOf(id)).toMatchObject([{ status: 'assigned', started_at: null }]);
  expect(await markBegun(session, names, ref!, 5)).toBe(1);
  expect(await markBegun(session, names, ref!, 5)).toBe(0);
  expect(await attemptsOf(id)).toMatchObject([{ status: 'running', started_at: expect.anything() }]);
});

it('one look while the main thread is silent releases a neighbour at its own timeout if the blocker is known, and never what has ended or blocks', async () => {
  const [blocker, neighbour, over] = [await full('running'), await full('running'), await full('running')];
  const { board, places, free } = hostages([blocker, neighbour, over].map((id) => ({ id, until: 100 })));
  board.ended(places[2]!);
  expect(await free(101)).toEqual(NOTHING);
  board.call(places[0]!);
  expect(await free(99)).toEqual(NOTHING);
  expect(await free(101)).toEqual({ released: 1, materialized: 0 });
  expect(await attemptsOf(neighbour)).toMatchObject([RELEASED]);
  expect(await taskRow(neighbour)).toMatchObject({ status: 'pending', retry: 0, claim_token: null });
});

it('one look while the main thread is silent returns nothing when it cannot know what has begun, or when the main thread is back', async () => {
  const id = await deferred();
  const board = new PulseBoard(0);
  while (board.begin(1, 1, 0, 0) >= 0);
  expect(await new BlockedClaims(session, names, board).free(owner, 0, () => true)).toMatchObject({ released: 0 });
  expect(await hostages().all.free(owner, 0, () => false)).toMatchObject({ released: 0 });
  expect(await taskRow(id)).toMatchObject({ status: 'running' });
});

it('one look while the main thread is silent frees the row locks of an unfinished transaction first, on this server only', async () => {
  const work = await holding(names.task, await deferred());
  const { connectionId, serverName } = work.facts;
  const { all, free } = hostages();
  all.work = { connectionId, serverName: 'another:1' };
  expect(await free()).toMatchObject({ released: 0 });
  all.work = { connectionId, serverName };
  // The server rolls back in its own time: the next look gets what this one does not.
  await expect.poll(async () => (await free()).released).toBe(1);
  await expect(work.ping()).rejects.toMatchObject({ retry: 'connection' });
});
