// What a liveness thread does with the claims of its own process while the main thread is silent.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { markBegun } from '../../../src/core/db/attempts/mark-begun.ts';
import { ownAttempts, ownDeferredClaims } from '../../../src/core/db/attempts/own-claims.ts';
import { releaseDeferredClaims } from '../../../src/core/db/attempts/release-deferred-claims.ts';
import { cutIdleSession } from '../../../src/core/db/server/cut-session.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { BlockedClaims } from '../../../src/core/node/blocked-claims.ts';
import type { Identity } from '../../../src/core/node/device-identity.ts';
import { PulseBoard } from '../../../src/core/node/pulse-board.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask, readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
const instance = randomBytes(16);

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await given.rows.worker('d1', { instance_token: instance });
});

/** A deferred claim of d1. */
async function deferred(columns: Record<string, unknown> = {}): Promise<number> {
  const id = await insertTask(session, db.names, {
    status: 'running',
    attempt: 1,
    claim_token: randomBytes(16),
    claimed_by: 'd1',
    claim_instance: instance,
    ...columns,
  });
  await session.write(
    `UPDATE ${db.names.task} SET claimed_at = UTC_TIMESTAMP(3), claim_deadline = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE id = ?`,
    [id],
  );
  return id;
}

/** A claim of d1 that has a row. */
async function full(status: 'assigned' | 'running', columns: Record<string, unknown> = {}): Promise<number> {
  const claim_token = randomBytes(16);
  const id = await insertTask(session, db.names, { status: 'running', attempt: 1, claim_token });
  const row = { task_id: id, device_id: 'd1', attempt: 1, claim_token, status, instance_token: instance, ...columns };
  await session.write(
    `INSERT INTO ${db.names.assignment} (${Object.keys(row).join(', ')}, deadline_at)
     VALUES (?, UTC_TIMESTAMP(3) + INTERVAL 1 HOUR)`,
    [Object.values(row)],
  );
  return id;
}

const task = (id: number) => readRow(session, db.names.task, id);
const attempts = (id: number) => session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ?`, [id]);
const list = () => ownDeferredClaims(session, db.names, 'd1', instance);
const owner = () => ({ deviceId: 'd1', instanceToken: instance }) as Identity;

function hostages(begun: Array<{ id: number; until?: number }> = []) {
  const board = new PulseBoard(4);
  const places = begun.map(({ id, until = Number.POSITIVE_INFINITY }) => board.begin(id, 1, 0, until));
  const all = new BlockedClaims(session, db.names, board);
  return { board, places, all, free: (now = 0) => all.free(owner(), now, () => true) };
}

describe('the claims of this process', () => {
  it('are its own alone: not those of another instance, and none is an empty list', async () => {
    expect([await list(), await ownAttempts(session, db.names, 'd1', instance)]).toEqual([[], []]);
    const id = await deferred();
    await deferred({ claim_instance: randomBytes(16) });
    const row = await full('assigned');
    await full('assigned', { instance_token: randomBytes(16) });
    expect((await list()).map((one) => one.task_id)).toEqual([id]);
    expect((await ownAttempts(session, db.names, 'd1', instance)).map((one) => one.task_id)).toEqual([row]);
  });

  it('are released as they stand: a row, nothing spent, due as before; under another token nothing happens', async () => {
    const id = await deferred({ retry: 1, priority: 3 });
    const due = (await task(id))?.next_run_at;
    const refs = await list();
    const stale = refs.map((one) => ({ ...one, claim_token: randomBytes(16) }));
    const release = (which: typeof refs) =>
      transaction(session, () => releaseDeferredClaims(session, db.names, which, 'blocked'));
    expect(await release(stale)).toBe(0);
    expect(await release(refs)).toBe(1);
    expect(await release(refs)).toBe(0);
    expect(await task(id)).toMatchObject({
      ...{ status: 'pending', retry: 1, attempt: 1, lost_count: 0, next_run_at: due },
      ...{ claim_token: null, claimed_by: null, claim_instance: null, claimed_at: null, claim_deadline: null },
    });
    expect(await attempts(id)).toMatchObject([
      { status: 'released', cause: 'blocked', attempt: 1, started_at: null, error_class: null },
    ]);
    expect((await attempts(id))[0]?.completed_at).not.toBeNull();
  });
});

describe('one look while the main thread is silent', () => {
  it('returns what has not begun, records what has, and leaves what has a row and runs', async () => {
    const [waiting, begun, assigned, unsaid, running] = [
      await deferred(),
      await deferred(),
      await full('assigned'),
      await full('assigned'),
      await full('running'),
    ];
    const { free } = hostages([{ id: begun }, { id: unsaid }, { id: running }]);
    expect(await free()).toEqual({ released: 2, materialized: 1 });
    expect(await attempts(waiting)).toMatchObject([{ status: 'released', cause: 'blocked' }]);
    expect(await attempts(assigned)).toMatchObject([{ status: 'released', cause: 'blocked' }]);
    for (const id of [begun, unsaid]) {
      expect(await attempts(id)).toMatchObject([{ status: 'running', cause: null, started_at: expect.anything() }]);
    }
    expect(await attempts(running)).toMatchObject([{ status: 'running' }]);
    expect([(await task(waiting))?.status, (await task(begun))?.status]).toEqual(['pending', 'running']);
    expect(await free()).toEqual({ released: 0, materialized: 0 });
  });

  it('says that an attempt has begun once, under its own token alone', async () => {
    const id = await full('assigned');
    const [ref] = await ownAttempts(session, db.names, 'd1', instance);
    expect(await markBegun(session, db.names, { ...ref!, claim_token: randomBytes(16) }, 5)).toBe(0);
    expect(await attempts(id)).toMatchObject([{ status: 'assigned', started_at: null }]);
    expect(await markBegun(session, db.names, ref!, 5)).toBe(1);
    expect(await markBegun(session, db.names, ref!, 5)).toBe(0);
    expect(await attempts(id)).toMatchObject([{ status: 'running', started_at: expect.anything() }]);
  });

  it('releases a neighbour at its own timeout if the blocker is known, and never what has ended or blocks', async () => {
    const [blocker, neighbour, over] = [await full('running'), await full('running'), await full('running')];
    const { board, places, free } = hostages([blocker, neighbour, over].map((id) => ({ id, until: 100 })));
    board.ended(places[2]!);
    expect(await free(101)).toEqual({ released: 0, materialized: 0 });
    board.call(places[0]!);
    expect(await free(99)).toEqual({ released: 0, materialized: 0 });
    expect(await free(101)).toEqual({ released: 1, materialized: 0 });
    expect(await attempts(neighbour)).toMatchObject([{ status: 'released', cause: 'blocked' }]);
    expect(await task(neighbour)).toMatchObject({ status: 'pending', retry: 0, claim_token: null });
  });

  it('obeys a revoke that came before', async () => {
    const id = await full('assigned', { revoke_outcome: 'cancelled', revoked_at: '2026-01-01 00:00:00' });
    await hostages().free();
    expect(await attempts(id)).toMatchObject([{ status: 'cancelled', cause: 'revoked' }]);
    expect(await task(id)).toMatchObject({ status: 'cancelled' });
  });

  it('returns nothing when it cannot know what has begun, or when the main thread is back', async () => {
    const id = await deferred();
    const board = new PulseBoard(0);
    while (board.begin(1, 1, 0, 0) >= 0);
    expect(await new BlockedClaims(session, db.names, board).free(owner(), 0, () => true)).toMatchObject({
      released: 0,
    });
    expect(await hostages().all.free(owner(), 0, () => false)).toMatchObject({ released: 0 });
    expect(await task(id)).toMatchObject({ status: 'running' });
  });

  it('frees the row locks of an unfinished transaction first, on this server only', async () => {
    const id = await deferred();
    const work = await db.session();
    await work.write('START TRANSACTION');
    await work.rows(`SELECT id FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [id]);
    const { connectionId, serverName } = work.facts;
    const elsewhere = hostages();
    elsewhere.all.work = { connectionId, serverName: 'another:1' };
    expect(await elsewhere.free()).toMatchObject({ released: 0 });
    const { all, free } = hostages();
    all.work = { connectionId, serverName };
    // The server rolls back in its own time: the next look gets what this one does not.
    await expect.poll(async () => (await free()).released).toBe(1);
    await expect(work.ping()).rejects.toMatchObject({ retry: 'connection' });
  });
});

it('a connection that is gone is not cut, and that is no error', async () => {
  const other = await db.session();
  const { connectionId } = other.facts;
  // A server answers a statement before it lists the session as idle.
  await expect.poll(() => cutIdleSession(session, connectionId)).toBe(true);
  await expect.poll(() => cutIdleSession(session, connectionId)).toBe(false);
});
