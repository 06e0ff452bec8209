import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { discoverLanes } from '../../../src/core/db/lanes/discover-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { LanePublisher } from '../../../src/core/leader/lane-publisher.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertLeader, insertTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { office } from './office.ts';

const LANES = 12;
let db: TestDatabase;
let session: Session;
/** The publisher's. */
let own: Session;
let publisher: LanePublisher;
let warnings: string[];
let publish: (options?: { perRound?: number; most?: number }) => LanePublisher;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  const made = await office(db);
  own = made.own;
  await insertLeader(session, db.names, 'leader', 1);
  warnings = [];
  const warn = (message: string) => warnings.push(message);
  publish = (more = {}) => new LanePublisher({ duty: made.duty, fleet: { heartbeat_timeout: 30 }, warn, ...more });
  publisher = publish();
  for (let n = 0; n < LANES; n += 1) await insertTask(session, db.names, { task_type: `t${n}` });
});

/** Seeks of one round that had a round trip each, and batches of seeks. */
async function round() {
  const [batch, rows] = [vi.spyOn(own, 'batch'), vi.spyOn(own, 'rows')];
  try {
    const counts = await publisher.runOnce();
    const seeks = rows.mock.calls.filter(([sql]) => sql.includes('FORCE INDEX (afd_claim)'));
    return { ...counts, seeks: seeks.length, batches: batch.mock.calls.length };
  } finally {
    batch.mockRestore();
    rows.mockRestore();
  }
}

const rows = () => session.rows(`SELECT * FROM ${db.names.lane} ORDER BY lane, claim_rank`);
const shown = async () => (await rows()).map((row) => row.head_id);
const heads = async () => (await discoverLanes(session, db.names)).map((head) => head.id);

test('the lanes and ranks of the last round are asked for in one batch; after a round that failed, one by one', async () => {
  expect(await round()).toEqual({ appeared: LANES, vanished: 0, seeks: LANES + 1, batches: 0 });
  const [gone] = publisher.heads;
  await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ?`, [gone!.id]);
  expect(await round()).toEqual({ appeared: 0, vanished: 1, seeks: 1, batches: 1 });
  expect(await round()).toEqual({ appeared: 0, vanished: 0, seeks: 0, batches: 1 });
  expect(await shown()).toEqual(await heads());
  // A batch has one deadline for all of them.
  const late = vi.spyOn(own, 'batch').mockRejectedValue(new Error('too late'));
  await expect(publisher.runOnce()).rejects.toThrow('too late');
  late.mockRestore();
  expect(await round()).toEqual({ appeared: 0, vanished: 0, seeks: LANES, batches: 0 });
});

describe('finding F5: more lanes and ranks than a round reads', () => {
  test('are looked at in turn, as many a round: after some rounds all are published, and that is said once', async () => {
    // Of another leader: gone when its turn has come.
    await session.write(
      `INSERT INTO ${db.names.lane} (lane, claim_rank, task_type, head_due_at, head_id, published_at)
       VALUES (UNHEX(REPEAT('FF', 16)), 10, 'x', NOW(3), 1, NOW(3))`,
    );
    publisher = publish({ perRound: 5 });
    for (const [seeks, there] of [
      [5, 6],
      [5, 11],
      [3, LANES],
    ] as const) {
      expect(await round()).toMatchObject({ seeks, batches: 0 });
      expect(await rows()).toHaveLength(there);
    }
    for (let n = 0; n < 3; n += 1) expect(await round()).toMatchObject({ appeared: 0, seeks: 0, batches: 1 });
    const all = await heads();
    expect(await shown()).toEqual(all);
    await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id IN (?)`, [[all[2]!, all[7]!]]);
    // What vanished goes with its turn.
    for (let n = 0; n < 2; n += 1) expect(await publisher.runOnce()).toEqual({ appeared: 0, vanished: 1 });
    expect(await shown()).toEqual(await heads());
    expect(warnings).toEqual([expect.stringMatching(/5 or more combinations of type, requirements and priority/)]);
  });

  test('beyond the bound: what is not due makes room first, and every due lane and rank has its turn', async () => {
    const all = await heads();
    const later = all.filter((_, n) => n % 2 === 0);
    await session.write(`UPDATE ${db.names.task} SET next_run_at = '2099-01-01' WHERE id IN (?)`, [later]);
    const small = publish({ perRound: 4, most: 9 });
    for (let n = 0; n < 3; n += 1) await small.runOnce();
    expect(await shown()).toHaveLength(9);
    expect(await shown()).toEqual(expect.arrayContaining(all.filter((id) => !later.includes(id))));
  });
});

describe('finding F8: odd rows', () => {
  const odd = (text: string, task_type = 'odd') =>
    insertTask(session, db.names, { task_type, required_capabilities: text });

  beforeEach(() => session.write(`ALTER TABLE ${db.names.task} MODIFY required_capabilities TEXT NULL`));
  afterEach(async () => {
    await session.write(`DELETE FROM ${db.names.task}`);
    await session.write(`ALTER TABLE ${db.names.task} MODIFY required_capabilities JSON NULL`);
  });

  test('a lane whose requirements are not JSON is published to nobody and said once; an empty text asks for nothing', async () => {
    const [bad, empty] = [await odd('chrome'), await odd('', 'empty')];
    expect(await publisher.runOnce()).toMatchObject({ appeared: LANES + 2 });
    await publisher.runOnce();
    expect(await rows()).toHaveLength(LANES + 1);
    expect((await rows()).find((row) => row.head_id === empty)).toMatchObject({ required_capabilities: null });
    expect(warnings).toEqual([expect.stringContaining(`required_capabilities of task ${bad} (odd) is not JSON`)]);
  });

  test('a lane that the table refuses keeps no other from being published, and is named in each round', async () => {
    // JSON that is nested deeper than the server takes in a JSON column.
    const deep = await odd(`${'{"a":'.repeat(150)}1${'}'.repeat(150)}`);
    const what = expect.stringContaining(`(task ${deep})`);
    await expect(publisher.runOnce()).rejects.toMatchObject({ failures: [{ what }] });
    expect(await rows()).toHaveLength(LANES);
    await insertTask(session, db.names, { task_type: 'new' });
    const writes = vi.spyOn(own, 'write');
    await expect(publisher.runOnce()).rejects.toThrow(`(task ${deep})`);
    expect(await rows()).toHaveLength(LANES + 1);
    // Not tried again for a minute: one INSERT and one DELETE.
    expect(writes.mock.calls.filter(([sql]) => /INSERT|DELETE/.test(sql))).toHaveLength(2);
  });
});
