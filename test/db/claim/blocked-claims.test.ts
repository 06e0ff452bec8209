// What a liveness thread does with the claims of its own process while the main thread is silent.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { markBegun } from '../../../src/core/db/attempts/mark-begun.ts';
import { ownAttempts, ownDeferredClaims } from '../../../src/core/db/attempts/own-claims.ts';
import { releaseDeferredClaims } from '../../../src/core/db/attempts/release-deferred-claims.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { BlockedClaims } from '../../../src/core/node/blocked-claims.ts';
import type { Identity } from '../../../src/core/node/device-identity.ts';
import { PulseBoard } from '../../../src/core/node/pulse-board.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDeferred, addWorker, attemptsOf, holding, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
const instance = randomBytes(16);
const device = { device_id: 'd1', instance_token: instance, lock_name: '' };
it.beforeEach(async () => {
  await addWorker('d1', { instance_token: instance });
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
