// The ends of attempts and deferred claims that nobody else ends; what changes between list and lock: the read under locks decides.
import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Failures } from '../../../src/core/leader/duty/failures.ts';
import { noRescues } from '../../../src/core/leader/rescue/rescue-counts.ts';
import { Rescuer } from '../../../src/core/leader/rescue/rescuer.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDeferredClaim } from '../../helpers/deferred-claim.ts';
import {
  type DeviceRow,
  insertAttempt,
  insertDevice,
  insertLeader,
  insertTask,
  readAttempt,
  readTask,
} from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { office } from './office.ts';

let db: TestDatabase;
let session: Session;
let off: DeviceRow;
let live: DeviceRow;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
  off = await insertDevice(session, db.names, { device_id: 'off', columns: { status: 'offline' } });
  live = await insertDevice(session, db.names, { device_id: 'live' });
});

/** `between` happens after a list was read and before each transaction; `limit`: attempts per kind and round. */
async function rescuing({ limit = 500, between = [] as readonly string[] } = {}) {
  let transactions = 0;
  class Watched extends DutySession {
    override async fenced<T>(work: (session: Session) => Promise<T>): Promise<T> {
      transactions += 1;
      for (const sql of between) await session.write(sql);
      return super.fenced(work);
    }
  }
  const { duty, settings } = await office(db, { Duty: Watched });
  const rescuer = new Rescuer({ duty, policy: settings, revokeTimeoutS: 20, limit });
  /** What fails is thrown. */
  const round = async (kind: 'orphaned' | 'overdue' | 'strayClaims') => {
    const failures = new Failures(duty);
    return failures.end(await rescuer[kind](failures));
  };
  return { duty, round, transactions: () => transactions };
}

const claim = (device: DeviceRow, columns = {}) => insertDeferredClaim(session, db.names, device, columns);
const task = (id: number) => readTask(session, db.names, id);
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);

test.for([
  [
    'a device that is online again keeps what has not been taken yet',
    'orphaned',
    () => [`UPDATE ${db.names.device} SET status = 'online'`],
    ['running', 'running'],
  ],
  [
    'a deadline that was moved is not past',
    'overdue',
    () => [`UPDATE ${db.names.assignment} SET deadline_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR`],
    ['running', 'running'],
  ],
  [
    'a result that arrives first wins over the rescue',
    'orphaned',
    () => [
      `UPDATE ${db.names.task} SET status = 'done', claim_token = NULL`,
      `UPDATE ${db.names.assignment} SET status = 'completed'`,
    ],
    ['done', 'completed'],
  ],
] as const)('%s', async ([, kind, between, ends]) => {
  const { task_id, assignment_id } = await insertAttempt(session, db.names, { device: off, overdue_s: 1 });
  const { round } = await rescuing({ between: between() });
  expect(await round(kind)).toEqual(noRescues());
  const [held, attempt] = [await task(task_id), await readAttempt(session, db.names, assignment_id)];
  expect([held?.status, attempt?.status, held?.lost_count]).toEqual([...ends, 0]);
});

test('a page of attempts or claims that cannot be ended does not starve those behind it', async () => {
  const held = [];
  for (let n = 0; n < 5; n += 1) held.push(await insertAttempt(session, db.names, { device: off }));
  for (let n = 0; n < 4; n += 1) held.push(await claim(off));
  const ids = held.map((one) => one.task_id);
  const other = await db.session();
  await other.write('START TRANSACTION');
  // By PRIMARY: MariaDB scans a table of few rows, and locks them all.
  await other.rows(`SELECT id FROM ${db.names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) FOR UPDATE`, [
    [...ids.slice(0, 2), ...ids.slice(5, 8)],
  ]);
  const { round } = await rescuing({ limit: 2 });
  const rescued = async (kind: 'orphaned' | 'strayClaims') => (await round(kind)).rescued;
  expect([await rescued('orphaned'), await rescued('orphaned'), await rescued('orphaned')]).toEqual([0, 2, 1]);
  expect(await rescued('strayClaims')).toBe(1);
  await other.write('ROLLBACK');
  expect([await rescued('orphaned'), await rescued('strayClaims')]).toEqual([2, 3]);
});

test('a closed duty session stops a list at its next row', async () => {
  await insertAttempt(session, db.names, { device: off });
  const { duty, round } = await rescuing();
  await duty.close();
  await expect(round('orphaned')).rejects.toThrow(/no longer the leader/);
});

test('finding F15: deferred claims of the dead come back in one round however many there are, each transaction bounded and of one device', async () => {
  for (const device_id of ['a', 'b', 'c']) {
    const dead = await insertDevice(session, db.names, { device_id, columns: { status: 'offline' } });
    for (let n = 0; n < 20; n += 1) await claim(dead);
  }
  const { transactions, round } = await rescuing({ limit: 8 });
  expect(await round('strayClaims')).toMatchObject({ rescued: 60 });
  // Pages of 8 by id; one of them holds claims of two devices.
  expect(transactions()).toBe(9);
});

describe('rows that another program touched', () => {
  test('a claim without an instance, or without a time, gets a row on a living device, and is lost on a dead one', async () => {
    const bare = [{ claim_instance: null }, { claimed_at: null }, { claimed_at: '9998-01-01' }];
    for (const columns of bare) {
      const old = { claimed_at: '2020-01-01', ...columns };
      const [one, lost] = [await claim(live, old), await claim(off, old)];
      const { round } = await rescuing();
      expect(await round('strayClaims')).toMatchObject({ rescued: 1 });
      expect(await attempts(one.task_id)).toMatchObject([{ status: 'assigned', cause: 'deferred' }]);
      expect(await task(one.task_id)).toMatchObject({ status: 'running', claimed_by: null });
      expect(await attempts(lost.task_id)).toMatchObject([{ status: 'lost', cause: 'device_offline' }]);
    }
  });

  test('a claim whose token is gone is materialized as lost to that program, and the task is left as it is', async () => {
    const { task_id } = await claim(live, { claim_token: null });
    const { round } = await rescuing();
    expect(await round('strayClaims')).toMatchObject({ closed: 1 });
    expect(await attempts(task_id)).toMatchObject([{ status: 'lost', cause: 'foreign', device_id: 'live' }]);
    expect(await task(task_id)).toMatchObject({ status: 'running', claimed_by: null });
  });
});

test('finding F2: a deferred claim that its living worker never materialized ends as lost after its deadline, the retry unspent, and the task is due at once', async () => {
  const { task_id } = await claim(live, {
    claimed_at: '2020-01-01 00:00:00',
    claim_deadline: '2020-01-01 00:30:00',
    max_retry_count: 0,
    next_run_at: '2020-01-01 00:00:00',
  });
  const { check } = await office(db);
  await check.runOnce();
  expect(await check.runOnce()).toMatchObject({ rescued: 1, timed_out: 0, failed: 0 });
  expect(await attempts(task_id)).toMatchObject([{ status: 'lost', cause: 'not_begun', started_at: null }]);
  expect(await task(task_id)).toMatchObject({ status: 'pending', retry: 0, lost_count: 0 });
  expect((await task(task_id))?.due_in_s).toBeLessThanOrEqual(0);
});

describe('finding F19: a deferred claim whose task another program ended before its worker died', () => {
  test('is materialized when the device is declared dead, also far behind the newest task: near what it ended last', async () => {
    const dead = await insertDevice(session, db.names, { device_id: 'dead', lock_taken_s: 5 });
    await insertAttempt(session, db.names, {
      device: dead,
      task: { status: 'done' },
      columns: { status: 'completed' },
    });
    const statuses = ['done', 'failed', 'pending', 'cancelled'];
    const [left, others] = [[], []] as number[][];
    for (const status of statuses) {
      left!.push((await claim(dead, { status })).task_id);
      others!.push((await claim(live, { status })).task_id);
    }
    const newest = await insertTask(session, db.names, { id: others!.at(-1)! + 1_000_000 });
    const { check } = await office(db);
    await check.checkLocks();
    expect(await check.checkLocks()).toMatchObject({ dead: 1, closed: 4, rescued: 0 });
    for (const [n, id] of left!.entries()) {
      expect(await attempts(id)).toMatchObject([{ attempt: 1, status: 'lost', cause: 'foreign', device_id: 'dead' }]);
      expect(await task(id)).toMatchObject({ status: statuses[n], claimed_by: null, claimed_at: null });
      expect(await attempts(others![n]!)).toEqual([]);
    }
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [newest]);
  });

  test('is materialized when other claims of the same offline device are found, once per death', async () => {
    const { round } = await rescuing();
    for (const closed of [1, 0]) {
      await claim(off, { status: 'done' });
      await claim(off);
      expect(await round('strayClaims')).toMatchObject({ closed, rescued: 1 });
    }
  });
});
