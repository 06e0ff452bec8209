import { describe, expect } from 'vitest';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import { tick } from '../../../src/core/db/lanes/tick.ts';
import type { TickAsk } from '../../../src/core/db/lanes/tick-statement.ts';
import { readLease } from '../../../src/core/db/leader/read-lease.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { type DeviceRow, insertAttempt, insertDevice, insertLeader, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let own: DeviceRow;
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  own = await insertDevice(session, db.names, { device_id: 'w1', lock_taken_s: 1 });
});

const laneRank = (type: string, priority = 5) => ({ lane: laneKey(type, null), claim_rank: claimRank(priority) });
const tickNow = (ask: Partial<TickAsk> = {}) =>
  tick(session, db.names, {
    device_id: 'w1',
    ranks: [],
    lanes: { types: ['a', 'b'], known: [] },
    withOpen: true,
    trustAfterStartS: 0,
    ...ask,
  });

describe('a tick', () => {
  it('is one statement in one round trip', async () => {
    const sent: number[] = [];
    const batch = session.batch.bind(session);
    session.batch = (statements) => {
      sent.push(statements.length);
      return batch(statements);
    };
    await tickNow({ ranks: [laneRank('a'), laneRank('b')] });
    expect(sent).toEqual([1]);
  });

  it('sees its own device, and that it is gone', async () => {
    expect((await tickNow()).device).toEqual({ operator_state: 'active', status: 'online' });
    expect((await tickNow({ device_id: 'nobody' })).device).toBeUndefined();
  });

  it('sees the leader row as an election reads it', async () => {
    expect((await tickNow()).lease).toEqual(await readLease(session, db.names, 0));
    await insertLeader(session, db.names, own.device_id, 7);
    await session.write(`UPDATE ${db.names.leader} SET holder_token = ?`, [own.instance_token]);
    const { lease } = await tickNow();
    expect(lease).toEqual(await readLease(session, db.names, 0));
    expect(lease).toMatchObject({ holder: 'w1', term: 7, valid: 1, lock_free: 1, holder_token: own.instance_token });
  });

  it('names the lanes and ranks in which something is due, and directed tasks', async () => {
    await insertTask(session, db.names, { task_type: 'b' });
    await insertTask(session, db.names, { task_type: 'a', next_run_at: '2037-01-01 00:00:00' });
    const ranks = [laneRank('a'), laneRank('b'), laneRank('b', 9)];
    expect(await tickNow({ ranks })).toMatchObject({ due: [1], directed: false });
    await insertTask(session, db.names, { task_type: 'a', status: 'assigned', target_device_id: 'w1' });
    expect(await tickNow({ ranks })).toMatchObject({ due: [1], directed: true });
    expect(await tickNow({ ranks: undefined })).toMatchObject({ due: [], directed: false });
  });

  it('says all but what is due when the server broke its poll off', async () => {
    await insertLeader(session, db.names, own.device_id, 7);
    await insertTask(session, db.names, { task_type: 'a' });
    const ranks = Array.from({ length: 3000 }, (_, n) => ({ ...laneRank('a'), claim_rank: n % 11 }));
    const seen = await tickNow({ ranks, pollLimitMs: 1 });
    expect(seen).toMatchObject({ due: undefined, device: { status: 'online' }, lease: { holder: 'w1' }, open: [] });
    expect((await tickNow({ ranks: ranks.slice(0, 11), pollLimitMs: 10_000 })).due).toHaveLength(1);
  });

  it('writes no temporary table to disk, as each device asks once a second', async () => {
    const written = async () =>
      Number((await session.rows("SHOW SESSION STATUS LIKE 'Created_tmp_disk_tables'"))[0]!.Value);
    const ranks = [laneRank('a'), laneRank('b')];
    await tickNow({ ranks });
    const before = await written();
    for (const asked of [ranks, undefined]) await tickNow({ ranks: asked, lanes: { types: ['a', 'b'], known: [] } });
    expect((await written()) - before).toBe(0);
  });

  it('brings published lanes of its types that are new or have changed, and no others', async () => {
    const head = (task_type: string, able: number, required_capabilities: string | null = null) => ({
      ...laneRank(task_type),
      ...{ task_type, able, required_capabilities, due_at: '2020-01-01 00:00:00.000', id: 1 },
    });
    const needs = await session.rows<{ text: string }>(`SELECT '{"note": "a \\\\"b\\\\""}' AS text`);
    await publishLanes(session, db.names, [head('a', 2), head('b', 3, needs[0]!.text), head('c', 1)]);
    const told = async (known: TickAsk['lanes']['known']) =>
      (await tickNow({ lanes: { types: ['a', 'b'], known } })).lanes.sort((x, y) =>
        x.task_type < y.task_type ? -1 : 1,
      );
    const all = await told([]);
    expect(all).toMatchObject([
      { ...laneRank('a'), task_type: 'a', able: 2, required_capabilities: null, due: 1 },
      { ...laneRank('b'), task_type: 'b', able: 3, due: 1 },
    ]);
    expect(JSON.parse(all[1]!.required_capabilities!)).toEqual({ note: 'a "b"' });
    expect(await told([{ ...laneRank('a'), able: 2 }])).toMatchObject([{ task_type: 'b' }]);
    expect(
      await told([
        { ...laneRank('a'), able: 1 },
        { ...laneRank('b'), able: 3 },
      ]),
    ).toMatchObject([{ task_type: 'a' }]);
  });

  it('finding F5: of more lanes than are handed out, every due one comes, also when others can run those before it', async () => {
    const lane = (n: number) => Buffer.from(n.toString(16).padStart(32, '0'), 'hex');
    const head = (n: number, due_at: string) => ({
      ...{ lane: lane(n), claim_rank: 5, task_type: 'a', required_capabilities: null, due_at, id: n },
    });
    const told = async () =>
      (await tickNow({ lanes: { types: ['a'], known: [] } })).lanes.map((one) => one.lane.readUInt32BE(12));
    const later = Array.from({ length: 1100 }, (_, n) => head(n, '2099-01-01 00:00:00.000'));
    const due = [3000, 3001].map((n) => head(n, '2020-01-01 00:00:00.000'));
    await publishLanes(session, db.names, [...later, ...due]);
    expect(await told()).toHaveLength(1000);
    expect(await told()).toEqual(expect.arrayContaining([3000, 3001]));
    // 1,100 due ones that nobody claims from are older: the others are drawn with them.
    const older = Array.from({ length: 1100 }, (_, n) => head(n, '2019-01-01 00:00:00.000'));
    await publishLanes(session, db.names, [...older, ...due]);
    const seen = new Set<number>();
    for (let n = 0; n < 60 && seen.size < 1102; n += 1) for (const one of await told()) seen.add(one);
    expect(seen.size).toBe(1102);
  });

  it('lists open attempts when asked to, with what an operator wants of them', async () => {
    const open = await insertAttempt(session, db.names, { device: own });
    const revoked = await insertAttempt(session, db.names, {
      device: own,
      revoked_s: 1,
      columns: { revoke_outcome: 'cancelled' },
    });
    const found = (await tickNow()).open?.sort((a, b) => a.assignment_id - b.assignment_id);
    expect(found).toEqual([
      { ...open, revoked: false, revoke_outcome: null, revoked_by: null },
      { ...revoked, revoked: true, revoke_outcome: 'cancelled', revoked_by: null },
    ]);
    expect((await tickNow({ withOpen: false })).open).toBeUndefined();
  });
});
