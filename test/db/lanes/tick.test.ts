import { expect, vi } from 'vitest';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import { tick } from '../../../src/core/db/lanes/tick.ts';
import type { TickAsk } from '../../../src/core/db/lanes/tick-statement.ts';
import { readLease } from '../../../src/core/db/leader/read-lease.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { type DeviceRow, insertLeader } from '../../helpers/factories.ts';
import { addAttempt, addDevice, addTask } from '../../helpers/rows-here.ts';

useDatabase();
let own: DeviceRow;
it.beforeEach(async () => {
  own = await addDevice('w1', { lock_taken_s: 1 });
});

const laneRank = (type: string, priority = 5) => ({ lane: laneKey(type, null), claim_rank: claimRank(priority) });
const RANKS = [laneRank('a'), laneRank('b'), laneRank('b', 9)];
const tickNow = (ask: Partial<TickAsk> = {}) =>
  tick(session, names, {
    ...{ device_id: 'w1', ranks: [], lanes: { types: ['a', 'b'], known: [] }, withOpen: true, trustAfterStartS: 0 },
    ...ask,
  });

it('a tick is one statement in one round trip, and writes no temporary table to disk', async () => {
  const written = async () =>
    Number((await session.rows("SHOW SESSION STATUS LIKE 'Created_tmp_disk_tables'"))[0]!.Value);
  await tickNow({ ranks: RANKS });
  const before = await written();
  const batch = vi.spyOn(session, 'batch');
  for (const ranks of [RANKS, undefined]) await tickNow({ ranks });
  expect(batch.mock.calls.map(([statements]) => statements.length)).toEqual([1, 1]);
  expect((await written()) - before).toBe(0);
});

it('a tick sees its own device, and that it is gone; and the leader row as an election reads it', async () => {
  const seen = await tickNow();
  expect(seen.device).toEqual({ operator_state: 'active', status: 'online' });
  expect(seen.lease).toEqual(await readLease(session, names, 0));
  expect((await tickNow({ device_id: 'nobody' })).device).toBeUndefined();
  await insertLeader(session, names, own.device_id, 7);
  await session.write(`UPDATE ${names.leader} SET holder_token = ?`, [own.instance_token]);
  const { lease } = await tickNow();
  expect(lease).toEqual(await readLease(session, names, 0));
  expect(lease).toMatchObject({ holder: 'w1', term: 7, valid: 1, lock_free: 1, holder_token: own.instance_token });
});

it('a tick names the lanes and ranks in which something is due, and directed tasks', async () => {
  await addTask({ task_type: 'b' });
  await addTask({ task_type: 'a', next_run_at: '2037-01-01 00:00:00' });
  expect(await tickNow({ ranks: RANKS })).toMatchObject({ due: [1], directed: false });
  await addTask({ task_type: 'a', status: 'assigned', target_device_id: 'w1' });
  expect(await tickNow({ ranks: RANKS })).toMatchObject({ due: [1], directed: true });
  expect(await tickNow({ ranks: undefined })).toMatchObject({ due: [], directed: false });
});

it('a tick says all but what is due when the server broke its poll off', async () => {
  await insertLeader(session, names, own.device_id, 7);
  await addTask({ task_type: 'a' });
  const ranks = Array.from({ length: 3000 }, (_, n) => ({ ...laneRank('a'), claim_rank: n % 11 }));
  const seen = await tickNow({ ranks, pollLimitMs: 1 });
  expect(seen).toMatchObject({ due: undefined, device: { status: 'online' }, lease: { holder: 'w1' }, open: [] });
  expect((await tickNow({ ranks: ranks.slice(0, 11), pollLimitMs: 10_000 })).due).toHaveLength(1);
});

it('a tick brings published lanes of its types that are new or have changed, and no others', async () => {
  const head = (task_type: string, able: number, required_capabilities: string | null = null) => ({
    ...laneRank(task_type),
    ...{ task_type, able, required_capabilities, due_at: '2020-01-01 00:00:00.000', id: 1 },
  });
  const needs = await session.rows<{ text: string }>(`SELECT '{"note": "a \\\\"b\\\\""}' AS text`);
  await publishLanes(session, names, [head('a', 2), head('b', 3, needs[0]!.text), head('c', 1)]);
  const told = async (...known: TickAsk['lanes']['known']) =>
    (await tickNow({ lanes: { types: ['a', 'b'], known } })).lanes.sort((x, y) => (x.task_type < y.task_type ? -1 : 1));
  const all = await told();
  expect(all).toMatchObject([
    { ...laneRank('a'), task_type: 'a', able: 2, required_capabilities: null, due: 1 },
    { ...laneRank('b'), task_type: 'b', able: 3, due: 1 },
  ]);
  expect(JSON.parse(all[1]!.required_capabilities!)).toEqual({ note: 'a "b"' });
  expect(await told({ ...laneRank('a'), able: 2 })).toMatchObject([{ task_type: 'b' }]);
  const changed = await told({ ...laneRank('a'), able: 1 }, { ...laneRank('b'), able: 3 });
  expect(changed).toMatchObject([{ task_type: 'a' }]);
});

it('finding F5: a tick brings of more lanes than are handed out every due one, also when others can run those before it', async () => {
  const heads = (due_at: string, length: number, first = 0) =>
    Array.from({ length }, (_, n) => ({
      ...{ lane: Buffer.from((first + n).toString(16).padStart(32, '0'), 'hex'), claim_rank: 5, task_type: 'a' },
      ...{ required_capabilities: null, due_at, id: n },
    }));
  const told = async () =>
    (await tickNow({ lanes: { types: ['a'], known: [] } })).lanes.map((one) => one.lane.readUInt32BE(12));
  const due = heads('2020-01-01 00:00:00.000', 2, 3000);
  await publishLanes(session, names, [...heads('2099-01-01 00:00:00.000', 1100), ...due]);
  const first = await told();
  expect(first).toHaveLength(1000);
  expect(first).toEqual(expect.arrayContaining([3000, 3001]));
  // 1,100 due ones that nobody claims from are older: the others are drawn with them.
  await publishLanes(session, names, [...heads('2019-01-01 00:00:00.000', 1100), ...due]);
  const seen = new Set<number>();
  for (let n = 0; n < 60 && seen.size < 1102; n += 1) for (const one of await told()) seen.add(one);
  expect(seen.size).toBe(1102);
});

it('a tick lists open attempts when asked to, with what an operator wants of them', async () => {
  const open = await addAttempt({ device: own });
  const revoked = await addAttempt({ device: own, revoked_s: 1, columns: { revoke_outcome: 'cancelled' } });
  const found = (await tickNow()).open?.sort((a, b) => a.assignment_id - b.assignment_id);
  expect(found).toEqual([
    { ...open, revoked: false, revoke_outcome: null, revoked_by: null },
    { ...revoked, revoked: true, revoke_outcome: 'cancelled', revoked_by: null },
  ]);
  expect((await tickNow({ withOpen: false })).open).toBeUndefined();
});
