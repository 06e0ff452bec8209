import { describe, expect, vi } from 'vitest';
import { discoverLanes, type LaneHead } from '../../../src/core/db/lanes/discover-lanes.ts';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import { seekStatement } from '../../../src/core/db/lanes/skip-lanes.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask, setTask } from '../../helpers/rows-here.ts';
import { planOf } from '../../helpers/statement-cost.ts';

useDatabase();
const discover = (most?: number) => discoverLanes(session, names, [], most);
const PAST = '2020-01-01 00:00:00.000';

it('discoverLanes gives one head per lane and rank: the first due, then the first id, up to a number of them', async () => {
  await addTask({ task_type: 'x', status: 'running' });
  expect(await discover()).toEqual([]);
  await addTask({ task_type: 'x', next_run_at: '2020-01-02 00:00:00' });
  const head = await addTask({ task_type: 'x', next_run_at: PAST });
  await addTask({ task_type: 'x', next_run_at: PAST });
  const urgent = await addTask({ task_type: 'x', priority: 10 });
  const needy = await addTask({ task_type: 'x', required_capabilities: '{"browser":true}' });
  const later = await addTask({ task_type: 'y', next_run_at: '2099-01-01 00:00:00' });
  const heads = await discover();
  const of = (id: number) => heads.find((one) => one.id === id);
  expect(heads.map((one) => one.id).sort()).toEqual([head, urgent, needy, later].sort());
  expect(new Set(heads.map((one) => one.lane.toString('hex'))).size).toBe(3);
  expect(of(head)).toMatchObject({ task_type: 'x', claim_rank: 5, due_at: PAST, required_capabilities: null });
  expect(of(urgent)?.claim_rank).toBe(0);
  expect(JSON.parse(of(needy)?.required_capabilities ?? '')).toEqual({ browser: true });
  expect(of(later)?.due_at).toBe('2099-01-01 00:00:00.000');
  expect(await discover(3)).toHaveLength(3);
});

it('discoverLanes reads the index in its order: no sort', async () => {
  for (let n = 0; n < 50; n += 1) await addTask({ task_type: `t${n % 5}`, priority: n % 10 });
  const [one, other] = await discover();
  for (const next of [undefined, other]) {
    const plan = await planOf(session, seekStatement(names, one!, next));
    expect(plan).toHaveLength(next === undefined ? 1 : 2);
    // The condition is a read by equality, which ends with its lane and rank.
    if (next !== undefined) expect(plan[1]).toMatchObject({ type: 'ref', ref: 'const,const,const' });
    for (const step of plan) {
      expect(step).toMatchObject({ key: 'afd_claim' });
      expect(String(step.Extra)).not.toMatch(/filesort|temporary/);
    }
  }
});

describe('discoverLanes with known lanes and ranks finds what it finds without any', () => {
  /** In the order of discoverLanes; some lanes have two ranks. */
  let known: LaneHead[];

  it.beforeEach(async () => {
    for (let n = 0; n < 12; n += 1) await addTask({ task_type: `t${n}`, priority: n % 3 === 0 ? 9 : 5 });
    for (let n = 0; n < 4; n += 1) await addTask({ task_type: `t${n}`, priority: 2 });
    known = await discover();
    expect(known).toHaveLength(16);
  });

  const empty = async (...ranks: LaneHead[]) => {
    for (const { lane, claim_rank } of ranks) {
      const which = `status = 'pending' AND lane = ? AND claim_rank = ?`;
      await session.write(`UPDATE ${names.task} SET status = 'done' WHERE ${which}`, [lane, claim_rank]);
    }
  };

  /** Round trips; the heads are compared. */
  const trips = async (from: readonly LaneHead[], most?: number): Promise<number> => {
    const walked = await discover(most);
    const [batch, rows] = [vi.spyOn(session, 'batch'), vi.spyOn(session, 'rows')];
    try {
      expect(await discoverLanes(session, names, from, most)).toEqual(walked);
      return batch.mock.calls.length + rows.mock.calls.length;
    } finally {
      batch.mockRestore();
      rows.mockRestore();
    }
  };
  const without = (...places: number[]) => known.filter((_, n) => !places.includes(n));

  it('new ones cost one round trip each, anywhere, for what follows them', async () => {
    expect(await trips([])).toBe(17);
    expect(await trips(known)).toBe(1);
    for (const n of [0, 7, 15]) expect(await trips(without(n))).toBe(2);
    expect(await trips(without(0, 1, 2, 7, 14, 15))).toBe(7);
  });

  it('vanished ones cost one for each run of them, to step over it', async () => {
    for (const gone of [known[0]!, known[7]!, known[15]!]) {
      await empty(gone);
      expect(await trips(known)).toBe(2);
      await setTask(gone.id, { status: 'pending' });
    }
    await empty(known[4]!, known[15]!);
    expect(await trips(without(5, 3))).toBe(5);
    await empty(...known);
    expect(await trips(known)).toBe(2);
  });

  it('more are known than may be given; some never were, or are in no order: that costs round trips alone', async () => {
    for (const most of [1, 5, 15]) expect(await trips(known, most)).toBe(1);
    const never = { ...known[0]!, lane: Buffer.alloc(16, 0x77), claim_rank: 3 };
    expect(await trips([never])).toBeGreaterThan(16);
    await trips([...known].reverse());
    await trips([never, ...known, never]);
    await empty(known[0]!, known[3]!);
    for (const most of [1, 14, 15]) await trips(known, most);
  });

  it('a hundred seeks share a batch', async () => {
    const types = Array.from({ length: 190 }, (_, n) => [`many-${n}`]);
    await session.write(`INSERT INTO ${names.task} (task_type) VALUES ?`, [types]);
    const all = await discover();
    expect(all).toHaveLength(206);
    expect(await trips(all)).toBe(3);
    await empty(all[98]!, all[99]!, all[100]!);
    expect(await trips(all)).toBe(4);
  });
});

it('publishing overwrites the table whole: new lanes in, changed heads changed, vanished lanes out', async () => {
  const publish = async () => publishLanes(session, names, await discover());
  const published = () => session.rows(`SELECT * FROM ${names.lane} ORDER BY task_type, claim_rank`);
  await addTask({ task_type: 'x' });
  const gone = await addTask({ task_type: 'y' });
  expect(await publish()).toEqual({ vanished: 0, refused: [] });
  const head = await addTask({ task_type: 'x', next_run_at: PAST });
  await setTask(gone, { status: 'done' });
  await addTask({ task_type: 'z', required_capabilities: '{"cpu":4}' });
  expect(await publish()).toEqual({ vanished: 1, refused: [] });
  const rows = await published();
  expect(rows).toMatchObject([{ task_type: 'x', head_id: head, head_due_at: PAST }, { task_type: 'z' }]);
  expect(new Set(rows.map((row) => row.published_at)).size).toBe(1);
  expect(await publishLanes(session, names, [])).toEqual({ vanished: 2, refused: [] });
  expect(await published()).toEqual([]);
});
