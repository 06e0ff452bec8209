import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { discoverLanes } from '../../../src/core/db/lanes/discover-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { PartsFailed } from '../../../src/core/leader/duty/failures.ts';
import { LanePublisher } from '../../../src/core/leader/lane-publisher.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertLeader, insertTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

const LANES = 12;
let db: TestDatabase;
let session: Session;
/** The publisher's. */
let own: Session;
let publisher: LanePublisher;
let warnings: string[];

function publish(options: { perRound?: number; most?: number } = {}) {
  const duty = new DutySession(own, db.names, { holder: 'leader', term: 1 });
  const warn = (message: string) => warnings.push(message);
  return new LanePublisher({ duty, fleet: { heartbeat_timeout: 30 }, warn, ...options });
}

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  own = await db.session();
  await insertLeader(session, db.names, 'leader', 1);
  warnings = [];
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

test('the lanes and ranks of the last round are asked for in one batch', async () => {
  expect(await round()).toEqual({ appeared: LANES, vanished: 0, seeks: LANES + 1, batches: 0 });
  expect(await round()).toEqual({ appeared: 0, vanished: 0, seeks: 0, batches: 1 });
  const [gone] = publisher.heads;
  await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ?`, [gone!.id]);
  expect(await round()).toEqual({ appeared: 0, vanished: 1, seeks: 1, batches: 1 });
  expect(await round()).toEqual({ appeared: 0, vanished: 0, seeks: 0, batches: 1 });
  const published = await session.rows(`SELECT lane, claim_rank FROM ${db.names.lane} ORDER BY lane, claim_rank`);
  const there = await discoverLanes(session, db.names);
  expect(published).toEqual(there.map(({ lane, claim_rank }) => ({ lane, claim_rank })));
});

test('after a round that failed the seeks are sent one by one: a batch has one deadline for all of them', async () => {
  await round();
  const { heads } = publisher;
  const late = vi.spyOn(own, 'batch').mockRejectedValue(new Error('too late'));
  await expect(publisher.runOnce()).rejects.toThrow('too late');
  late.mockRestore();
  expect(publisher.heads).toBe(heads);
  expect(await round()).toEqual({ appeared: 0, vanished: 0, seeks: LANES + 1, batches: 0 });
  expect(await round()).toMatchObject({ seeks: 0, batches: 1 });
});

const rows = () => session.rows(`SELECT * FROM ${db.names.lane} ORDER BY lane, claim_rank`);

describe('finding F5: more lanes and ranks than a round reads', () => {
  test('are looked at in turn, as many a round: after some rounds all are published, and that is said once', async () => {
    publisher = publish({ perRound: 5 });
    for (const [seeks, published] of [
      [5, 5],
      [5, 10],
      [3, LANES],
    ] as const) {
      expect(await round()).toMatchObject({ seeks, batches: 0 });
      expect(await rows()).toHaveLength(published);
    }
    for (let n = 0; n < 3; n += 1) expect(await round()).toMatchObject({ appeared: 0, seeks: 0, batches: 1 });
    const all = await discoverLanes(session, db.names);
    expect((await rows()).map((row) => row.head_id)).toEqual(all.map((head) => head.id));
    await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id IN (?)`, [[all[2]!.id, all[7]!.id]]);
    // What vanished goes with its turn.
    expect(await publisher.runOnce()).toEqual({ appeared: 0, vanished: 1 });
    expect(await publisher.runOnce()).toEqual({ appeared: 0, vanished: 1 });
    const left = all.filter((_, n) => n !== 2 && n !== 7).map((head) => head.id);
    expect((await rows()).map((row) => row.head_id)).toEqual(left);
    expect(warnings).toEqual([expect.stringMatching(/5 or more combinations of type, requirements and priority/)]);
  });

  test('rows that another leader published in between are gone when their turn has come', async () => {
    const columns = 'lane, claim_rank, task_type, head_due_at, head_id, published_at';
    await session.write(
      `INSERT INTO ${db.names.lane} (${columns}) VALUES
       (UNHEX(REPEAT('00', 16)), 0, 'x', NOW(3), 1, NOW(3)), (UNHEX(REPEAT('FF', 16)), 10, 'x', NOW(3), 1, NOW(3))`,
    );
    const small = publish({ perRound: 5 });
    for (let n = 0; n < 3; n += 1) await small.runOnce();
    expect((await rows()).map((row) => row.task_type)).not.toContain('x');
    expect(await rows()).toHaveLength(LANES);
  });

  test('beyond the bound: what is not due makes room first, and every due lane and rank has its turn', async () => {
    const later = (await discoverLanes(session, db.names)).filter((_, n) => n % 2 === 0).map((head) => head.id);
    await session.write(`UPDATE ${db.names.task} SET next_run_at = '2099-01-01' WHERE id IN (?)`, [later]);
    const due = (await discoverLanes(session, db.names))
      .filter((head) => !later.includes(head.id))
      .map((head) => head.id);
    const small = publish({ perRound: 4, most: 9 });
    for (let n = 0; n < 3; n += 1) await small.runOnce();
    const shown = (await rows()).map((row) => row.head_id);
    expect(shown).toHaveLength(9);
    expect(shown).toEqual(expect.arrayContaining(due));
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

  test('a lane whose requirements are not JSON is published to nobody and said once; all others are published', async () => {
    const id = await odd('chrome');
    await odd("{'a': 1}", 'odd2');
    expect(await publisher.runOnce()).toMatchObject({ appeared: LANES + 2 });
    await publisher.runOnce();
    expect(await rows()).toHaveLength(LANES);
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toContain(`required_capabilities of task ${id} (odd) is not JSON`);
  });

  test('an empty text asks for nothing', async () => {
    const id = await odd('');
    await publisher.runOnce();
    expect((await rows()).find((row) => row.head_id === id)).toMatchObject({ required_capabilities: null });
    expect(warnings).toEqual([]);
  });

  test('a lane that the table refuses keeps no other from being published, and is named in each round', async () => {
    // JSON that is nested deeper than the server takes in a JSON column.
    const deep = await odd(`${'{"a":'.repeat(150)}1${'}'.repeat(150)}`);
    const failed = await publisher.runOnce().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(PartsFailed);
    expect((failed as PartsFailed).failures.map((one) => one.what)).toEqual([
      expect.stringContaining(`(task ${deep})`),
    ]);
    expect(await rows()).toHaveLength(LANES);
    const [writes, others] = [vi.spyOn(own, 'write'), insertTask(session, db.names, { task_type: 'new' })];
    await others;
    await expect(publisher.runOnce()).rejects.toThrow(`(task ${deep})`);
    expect(await rows()).toHaveLength(LANES + 1);
    // Not tried again for a minute: one INSERT and one DELETE.
    expect(writes.mock.calls.filter(([sql]) => /INSERT|DELETE/.test(sql))).toHaveLength(2);
    writes.mockRestore();
  });

  test('a type of 255 characters of four bytes is published', async () => {
    await session.write(`ALTER TABLE ${db.names.task} MODIFY task_type VARCHAR(255) NOT NULL`);
    const task_type = '😀'.repeat(255);
    const id = await insertTask(session, db.names, { task_type });
    await publisher.runOnce();
    expect((await rows()).find((row) => row.head_id === id)).toMatchObject({ task_type });
    await session.write(`DELETE FROM ${db.names.task}`);
    await session.write(`ALTER TABLE ${db.names.task} MODIFY task_type VARCHAR(32) NOT NULL`);
  });
});
