import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { peekLanes } from '../../../src/core/db/queries/peek-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { DutySession } from '../../../src/core/leader/duty-session.ts';
import { LanePublisher } from '../../../src/core/leader/lane-publisher.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertLeader, insertTask } from '../../helpers/factories.ts';

const LANES = 12;
let db: TestDatabase;
let session: Session;
/** The publisher's. */
let own: Session;
let publisher: LanePublisher;

beforeEach(async () => {
  db = await testDatabase();
  session = await db.session();
  own = await db.session();
  await insertLeader(session, db.names, 'leader', 1);
  publisher = new LanePublisher(new DutySession(own, db.names, { holder: 'leader', term: 1 }), {
    heartbeat_timeout: 30,
  });
  for (let n = 0; n < LANES; n += 1) await insertTask(session, db.names, { task_type: `t${n}` });
});
afterEach(() => db.close());

/** Hops of one round that had a round trip each, and packets of hops. */
async function round() {
  const [packet, rows] = [vi.spyOn(own, 'packet'), vi.spyOn(own, 'rows')];
  try {
    const counts = await publisher.runOnce();
    const hops = rows.mock.calls.filter(([sql]) => sql.includes('FORCE INDEX (afd_claim)'));
    return { ...counts, hops: hops.length, packets: packet.mock.calls.length };
  } finally {
    packet.mockRestore();
    rows.mockRestore();
  }
}

test('the pairs of the last round are asked for in one packet', async () => {
  expect(await round()).toEqual({ appeared: LANES, vanished: 0, hops: LANES + 1, packets: 0 });
  expect(await round()).toEqual({ appeared: 0, vanished: 0, hops: 0, packets: 1 });
  const [gone] = publisher.heads;
  await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ?`, [gone!.id]);
  expect(await round()).toEqual({ appeared: 0, vanished: 1, hops: 1, packets: 1 });
  expect(await round()).toEqual({ appeared: 0, vanished: 0, hops: 0, packets: 1 });
  const published = await session.rows(`SELECT lane, claim_rank FROM ${db.names.lane} ORDER BY lane, claim_rank`);
  const there = await peekLanes(session, db.names);
  expect(published).toEqual(there.map(({ lane, claim_rank }) => ({ lane, claim_rank })));
});

test('after a round that failed the hops are sent one by one: a packet has one deadline for all of them', async () => {
  await round();
  const { heads } = publisher;
  const late = vi.spyOn(own, 'packet').mockRejectedValue(new Error('too late'));
  await expect(publisher.runOnce()).rejects.toThrow('too late');
  late.mockRestore();
  expect(publisher.heads).toBe(heads);
  expect(await round()).toEqual({ appeared: 0, vanished: 0, hops: LANES + 1, packets: 0 });
  expect(await round()).toMatchObject({ hops: 0, packets: 1 });
});
