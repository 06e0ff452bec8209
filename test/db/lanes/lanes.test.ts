import { beforeEach, describe, expect, vi } from 'vitest';
import { discoverLanes, type LaneHead } from '../../../src/core/db/lanes/discover-lanes.ts';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import { seekStatement } from '../../../src/core/db/lanes/skip-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { requirementsOf } from '../../../src/core/domain/task/requirements.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const task = (columns: Record<string, unknown>) => insertTask(session, db.names, columns);
const discover = (most?: number) => discoverLanes(session, db.names, [], most);
const PAST = '2020-01-01 00:00:00.000';

describe('discoverLanes', () => {
  test('nothing pending is no heads', async () => {
    await task({ status: 'running' });
    await task({ status: 'done' });
    expect(await discover()).toEqual([]);
  });

  test('gives few bytes of requirements that are too long, as a text that is no JSON', async ({ skip }) => {
    skip(session.facts.maxAllowedPacket < 8e6, 'the server takes no row of that size');
    const long = JSON.stringify({ browser: true, more: 'x'.repeat(4_000_000) });
    const id = await task({ task_type: 'x', required_capabilities: long });
    const exact = JSON.stringify({ a: 'x'.repeat(8192 - 20) });
    const other = await task({ task_type: 'y', required_capabilities: exact });
    const heads = await discover();
    const [odd, good] = [id, other].map((wanted) => heads.find((head) => head.id === wanted)?.required_capabilities);
    expect(odd?.length).toBeLessThan(100);
    expect(requirementsOf(odd).readable).toBe(false);
    expect(JSON.parse(good ?? '')).toEqual(JSON.parse(exact));
  });

  test('gives one head per lane and rank: the first due, then the first id', async () => {
    await task({ task_type: 'x', next_run_at: '2020-01-02 00:00:00' });
    const head = await task({ task_type: 'x', next_run_at: PAST });
    await task({ task_type: 'x', next_run_at: PAST });
    const urgent = await task({ task_type: 'x', priority: 10 });
    const needy = await task({ task_type: 'x', required_capabilities: '{"browser":true}' });
    const other = await task({ task_type: 'y' });
    const heads = await discover();
    expect(heads.map((h) => h.id).sort()).toEqual([head, urgent, needy, other].sort());
    expect(new Set(heads.map((h) => h.lane.toString('hex'))).size).toBe(3);
    const found = heads.find((h) => h.id === head);
    expect(found).toMatchObject({ task_type: 'x', claim_rank: 5, due_at: PAST, required_capabilities: null });
    expect(heads.find((h) => h.id === urgent)?.claim_rank).toBe(0);
    expect(JSON.parse(heads.find((h) => h.id === needy)?.required_capabilities ?? '')).toEqual({ browser: true });
  });

  test('keeps a head that is due later', async () => {
    const id = await task({ next_run_at: '2099-01-01 00:00:00' });
    expect(await discover()).toMatchObject([{ id, due_at: '2099-01-01 00:00:00.000' }]);
  });

  test('stops at the number of lanes and ranks it was given', async () => {
    for (let n = 0; n < 5; n += 1) await task({ task_type: `t${n}` });
    expect(await discover(3)).toHaveLength(3);
  });

  test('reads the index in its order: no sort', async () => {
    for (let n = 0; n < 50; n += 1) await task({ task_type: `t${n % 5}`, priority: n % 10 });
    const [one, other] = await discover();
    const traditional = session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL';
    for (const next of [undefined, other]) {
      const { sql, values } = seekStatement(db.names, one!, next);
      const plan = await session.rows(`EXPLAIN ${traditional} ${sql}`, values);
      expect(plan).toHaveLength(next === undefined ? 1 : 2);
      // The condition is a read by equality, which ends with its lane and rank.
      if (next !== undefined) expect(plan[1]).toMatchObject({ type: 'ref', ref: 'const,const,const' });
      for (const step of plan) {
        expect(step).toMatchObject({ key: 'afd_claim' });
        expect(String(step.Extra)).not.toMatch(/filesort|temporary/);
      }
    }
  });
});

describe('discoverLanes with known lanes and ranks finds what it finds without any', () => {
  /** In the order of discoverLanes; some lanes have two ranks. */
  let known: LaneHead[];

  beforeEach(async () => {
    for (let n = 0; n < 12; n += 1) await task({ task_type: `t${n}`, priority: n % 3 === 0 ? 9 : 5 });
    for (let n = 0; n < 4; n += 1) await task({ task_type: `t${n}`, priority: 2 });
    known = await discover();
    expect(known).toHaveLength(16);
  });

  const empty = async (...ranks: LaneHead[]) => {
    for (const { lane, claim_rank } of ranks) {
      const which = `status = 'pending' AND lane = ? AND claim_rank = ?`;
      await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE ${which}`, [lane, claim_rank]);
    }
  };

  /** Round trips; the heads are compared. */
  const trips = async (from: readonly LaneHead[], most?: number): Promise<number> => {
    const walked = await discover(most);
    const [batch, rows] = [vi.spyOn(session, 'batch'), vi.spyOn(session, 'rows')];
    try {
      expect(await discoverLanes(session, db.names, from, most)).toEqual(walked);
      return batch.mock.calls.length + rows.mock.calls.length;
    } finally {
      batch.mockRestore();
      rows.mockRestore();
    }
  };

  test('none known: a round trip for each, and one for the end', async () => {
    expect(await trips([])).toBe(17);
  });

  test('all known: one round trip', async () => {
    expect(await trips(known)).toBe(1);
  });

  test('one lane and rank is new, anywhere: one more, for what follows it', async () => {
    for (const fresh of known) expect(await trips(known.filter((one) => one !== fresh))).toBe(2);
  });

  test('several are new, side by side and apart: one more for each', async () => {
    expect(await trips(known.filter((_, n) => ![0, 1, 2, 7, 14, 15].includes(n)))).toBe(7);
    expect(await trips(known.slice(0, 1))).toBe(16);
  });

  test('one vanished, anywhere: one more, to step over it', async () => {
    for (const gone of known) {
      await empty(gone);
      expect(await trips(known)).toBe(2);
      await session.write(`UPDATE ${db.names.task} SET status = 'pending' WHERE id = ?`, [gone.id]);
    }
  });

  test('several vanished: one more for each run of them', async () => {
    await empty(...known.filter((_, n) => [0, 1, 5, 9, 10, 11].includes(n)));
    expect(await trips(known)).toBe(4);
  });

  test('all vanished: one more, and no head', async () => {
    await empty(...known);
    expect(await trips(known)).toBe(2);
    expect(await discoverLanes(session, db.names, known)).toEqual([]);
  });

  test('one vanished where another is new', async () => {
    await empty(known[4]!, known[15]!);
    expect(await trips(known.filter((_, n) => n !== 5 && n !== 3))).toBe(5);
  });

  test('a head that changed is the one that is there now', async () => {
    const { task_type, claim_rank } = known[6]!;
    const id = await task({ task_type, priority: 10 - claim_rank, next_run_at: PAST });
    expect(await trips(known)).toBe(1);
    expect((await discoverLanes(session, db.names, known))[6]).toMatchObject({ id, due_at: PAST });
  });

  test('more are known than may be given', async () => {
    for (const most of [1, 2, 5, 15]) expect(await trips(known, most)).toBe(1);
    await empty(known[0]!, known[3]!);
    for (const most of [1, 2, 5, 14, 15]) await trips(known, most);
  });

  test('lanes and ranks that never were, and in no order, cost round trips alone', async () => {
    const never = { ...known[0]!, lane: Buffer.alloc(16, 0x77), claim_rank: 3 };
    expect(await trips([never])).toBeGreaterThan(16);
    await trips([...known].reverse());
    await trips([never, ...known, never]);
  });

  test('a hundred seeks share a batch', async () => {
    const types = Array.from({ length: 190 }, (_, n) => [`many-${n}`]);
    await session.write(`INSERT INTO ${db.names.task} (task_type) VALUES ?`, [types]);
    const all = await discover();
    expect(all).toHaveLength(206);
    expect(await trips(all)).toBe(3);
    expect(await trips(all.slice(0, 99))).toBe(1 + 107);
    await empty(all[98]!, all[99]!, all[100]!);
    expect(await trips(all)).toBe(4);
  });
});

describe('publish', () => {
  const published = () => session.rows(`SELECT * FROM ${db.names.lane} ORDER BY task_type, claim_rank`);

  test('overwrites the table whole: new lanes in, changed heads changed, vanished lanes out', async () => {
    await task({ task_type: 'x' });
    const gone = await task({ task_type: 'y' });
    expect(await publishLanes(session, db.names, await discover())).toEqual({ vanished: 0, refused: [] });
    const head = await task({ task_type: 'x', next_run_at: PAST });
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [gone]);
    await task({ task_type: 'z', required_capabilities: '{"cpu":4}' });
    expect(await publishLanes(session, db.names, await discover())).toEqual({ vanished: 1, refused: [] });
    const rows = await published();
    expect(rows.map((row) => row.task_type)).toEqual(['x', 'z']);
    expect(rows[0]).toMatchObject({ head_id: head, head_due_at: PAST });
    expect(new Set(rows.map((row) => row.published_at)).size).toBe(1);
  });

  test('nothing pending empties the table', async () => {
    await task({});
    await publishLanes(session, db.names, await discover());
    expect(await publishLanes(session, db.names, [])).toEqual({ vanished: 1, refused: [] });
    expect(await published()).toEqual([]);
  });
});
