// The ends of attempts and deferred claims that nobody else ends; what changes between list and lock: the read under locks decides.
import { describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Failures } from '../../../src/core/leader/duty/failures.ts';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { noRescues } from '../../../src/core/leader/rescue/rescue-counts.ts';
import { Rescuer } from '../../../src/core/leader/rescue/rescuer.ts';
import { Events } from '../../../src/core/runtime/events.ts';
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

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
});

interface Office {
  /** Attempts per kind and round. */
  limit?: number;
  /** Happens after a list was read and before each transaction. */
  between?: () => Promise<unknown>;
}

async function office({ limit = 500, between = async () => {} }: Office = {}) {
  let transactions = 0;
  class Watched extends DutySession {
    override async fenced<T>(work: (session: Session) => Promise<T>): Promise<T> {
      transactions += 1;
      await between();
      return super.fenced(work);
    }
  }
  const own = await db.session();
  own.facts.startedAt = '2020-01-01 00:00:00.000';
  const duty = new Watched(own, db.names, { holder: 'leader', term: 1 });
  const master = configSchema.parse({}).master;
  const settings = { ...master, lock_trust_after_start: 0, lock_grace: 0 };
  const rescuer = new Rescuer({ duty, policy: master, revokeTimeoutS: 20, limit });
  const check = new HealthCheck({ duty, settings, events: new Events(), random: () => 0.5 });
  /** What fails is thrown. */
  const round = async (kind: 'orphaned' | 'overdue' | 'strayClaims', anew = false) => {
    const failures = new Failures(duty);
    return failures.end(await rescuer[kind](failures, anew));
  };
  return { duty, rescuer, check, round, transactions: () => transactions };
}

const task = (id: number) => readTask(session, db.names, id);
const attempts = (id: number) =>
  session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt`, [id]);
const count = async (where: string) =>
  (await session.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${db.names.task} WHERE ${where}`))[0]!.n;

async function many(device: DeviceRow, n: number): Promise<void> {
  const { task_id } = await insertDeferredClaim(session, db.names, device);
  const copied = 'task_type, status, attempt, claim_token, claimed_by, claim_instance, claimed_at, claim_deadline';
  for (let made = 1; made < n; ) {
    const more = Math.min(made, n - made);
    const { affectedRows } = await session.write(
      `INSERT INTO ${db.names.task} (${copied}) SELECT ${copied} FROM ${db.names.task}
       WHERE claimed_by = ? AND id >= ? ORDER BY id LIMIT ${more}`,
      [device.device_id, task_id],
    );
    made += affectedRows;
  }
}

test.for([
  [
    'a device that is online again keeps what has not been taken yet',
    {
      round: 'orphaned',
      between: () => [`UPDATE ${db.names.device} SET status = 'online'`],
      ends: ['running', 'running'],
    },
  ],
  [
    'a deadline that was moved is not past',
    {
      round: 'overdue',
      between: () => [
        `UPDATE ${db.names.device} SET status = 'online'`,
        `UPDATE ${db.names.assignment} SET deadline_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR`,
      ],
      ends: ['running', 'running'],
    },
  ],
  [
    'B1 a result that arrives first wins over the rescue',
    {
      round: 'orphaned',
      between: () => [
        `UPDATE ${db.names.task} SET status = 'done', claim_token = NULL`,
        `UPDATE ${db.names.assignment} SET status = 'completed'`,
      ],
      ends: ['done', 'completed'],
    },
  ],
] as const)('%s', async ([, { round, between, ends }]) => {
  const device = await insertDevice(session, db.names, { columns: { status: 'offline' } });
  const { task_id, assignment_id } = await insertAttempt(session, db.names, { device, overdue_s: 1 });
  const one = await office({
    async between() {
      for (const sql of between()) await session.write(sql);
    },
  });
  expect(await one.round(round)).toEqual(noRescues());
  const [held, attempt] = [await task(task_id), await readAttempt(session, db.names, assignment_id)];
  expect([held?.status, attempt?.status]).toEqual(ends);
  expect(held).toMatchObject({ lost_count: 0, retry: 0 });
});

test('a death counts the attempt that a round at the same time is about to take', async () => {
  const device = await insertDevice(session, db.names, { device_id: 'worker-001', columns: { status: 'offline' } });
  const { assignment_id } = await insertAttempt(session, db.names, { device });
  let begin = () => {};
  let go = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const mayGo = new Promise<void>((resolve) => (go = resolve));
  const between = () => {
    begin();
    return mayGo;
  };
  const { rescuer, round } = await office({ between });
  rescuer.declaringDead('worker-001');
  rescuer.declaredDead('worker-001');
  const first = round('orphaned');
  await begun;
  const second = round('orphaned', true);
  // Time for a second round to read its list.
  for (let n = 0; n < 20; n += 1) await session.rows('SELECT 1');
  go();
  await second;
  expect(rescuer.takenFrom('worker-001')).toBe(1);
  expect(await first).toEqual({ ...noRescues(), rescued: 1 });
  expect((await readAttempt(session, db.names, assignment_id))?.status).toBe('lost');
});

test('a page of attempts that cannot be ended does not starve those behind it', async () => {
  const device = await insertDevice(session, db.names, { columns: { status: 'offline' } });
  const attempts = [];
  for (let n = 0; n < 5; n += 1) attempts.push(await insertAttempt(session, db.names, { device }));
  const holder = await db.session();
  await holder.write('START TRANSACTION');
  // By PRIMARY: MariaDB scans a table of five rows, and locks them all.
  await holder.rows(`SELECT id FROM ${db.names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) FOR UPDATE`, [
    attempts.slice(0, 2).map((one) => one.task_id),
  ]);
  const { round } = await office({ limit: 2 });
  expect(await round('orphaned')).toEqual(noRescues());
  expect(await round('orphaned')).toEqual({ ...noRescues(), rescued: 2 });
  expect(await round('orphaned')).toEqual({ ...noRescues(), rescued: 1 });
  await holder.write('ROLLBACK');
  expect(await round('orphaned')).toEqual({ ...noRescues(), rescued: 2 });
});

test('a closed duty session stops a list at its next row', async () => {
  const device = await insertDevice(session, db.names, { columns: { status: 'offline' } });
  await insertAttempt(session, db.names, { device });
  const { duty, round } = await office();
  await duty.close();
  await expect(round('orphaned')).rejects.toThrow(/no longer the leader/);
});

describe('finding F15: deferred claims of the dead', () => {
  test('come back in one round however many there are, each transaction bounded and of one device', async () => {
    const devices = [];
    for (const device_id of ['a', 'b', 'c']) {
      const device = await insertDevice(session, db.names, { device_id, columns: { status: 'offline' } });
      await many(device, 400);
      devices.push(device);
    }
    expect(await count("status = 'running'")).toBe(1200);
    const { transactions, round } = await office({ limit: 100 });
    expect(await round('strayClaims')).toMatchObject({ rescued: 1200 });
    expect(await count("status = 'pending' AND claimed_by IS NULL")).toBe(1200);
    // Pages of 100 by id; two of them hold claims of two devices.
    expect(transactions()).toBeGreaterThanOrEqual(12);
    expect(transactions()).toBeLessThanOrEqual(15);
  });
});

describe('rows that another program touched', () => {
  test('claims that cannot be ended do not keep those behind them waiting', async () => {
    const off = await insertDevice(session, db.names, { columns: { status: 'offline' } });
    const held = [];
    for (let n = 0; n < 3; n += 1) held.push(await insertDeferredClaim(session, db.names, off));
    const last = await insertDeferredClaim(session, db.names, off);
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) FOR UPDATE`, [
      held.map((one) => one.task_id),
    ]);
    const { round } = await office({ limit: 2 });
    expect(await round('strayClaims')).toMatchObject({ rescued: 1 });
    expect((await task(last.task_id))?.status).toBe('pending');
    await other.write('ROLLBACK');
    expect(await round('strayClaims')).toMatchObject({ rescued: 3 });
  });

  test('a claim without an instance, or without a time, gets a row on a living device, and is lost on a dead one', async () => {
    const live = await insertDevice(session, db.names, { device_id: 'live' });
    const off = await insertDevice(session, db.names, { device_id: 'off', columns: { status: 'offline' } });
    const bare = [
      { claim_instance: null, claimed_at: '2020-01-01' },
      { claimed_at: null },
      { claimed_at: '9998-01-01' },
    ];
    for (const columns of bare) {
      const [one, lost] = [
        await insertDeferredClaim(session, db.names, live, columns),
        await insertDeferredClaim(session, db.names, off, columns),
      ];
      const { round } = await office();
      expect(await round('strayClaims')).toMatchObject({ rescued: 1 });
      expect(await attempts(one.task_id)).toMatchObject([{ status: 'assigned', cause: 'deferred' }]);
      expect(await task(one.task_id)).toMatchObject({ status: 'running', claimed_by: null });
      expect(await attempts(lost.task_id)).toMatchObject([{ status: 'lost', cause: 'device_offline' }]);
    }
  });

  test('a claim whose token is gone is materialized as lost to that program, and the task is left as it is', async () => {
    const live = await insertDevice(session, db.names);
    const { task_id } = await insertDeferredClaim(session, db.names, live, { claim_token: null });
    const { round } = await office();
    expect(await round('strayClaims')).toMatchObject({ closed: 1 });
    expect(await attempts(task_id)).toMatchObject([{ status: 'lost', cause: 'foreign', device_id: live.device_id }]);
    expect(await task(task_id)).toMatchObject({ status: 'running', claimed_by: null });
    expect(await round('strayClaims')).toMatchObject({ closed: 0 });
  });
});

describe('finding F2: a deferred claim that its living worker never materialized', () => {
  test('ends as lost after its deadline, the retry unspent, and the task is due at once', async () => {
    const live = await insertDevice(session, db.names);
    const { task_id } = await insertDeferredClaim(session, db.names, live, {
      claimed_at: '2020-01-01 00:00:00',
      claim_deadline: '2020-01-01 00:30:00',
      max_retry_count: 0,
      next_run_at: '2020-01-01 00:00:00',
    });
    const { check } = await office();
    await check.runOnce();
    expect(await check.runOnce()).toMatchObject({ rescued: 1, timed_out: 0, failed: 0 });
    expect(await attempts(task_id)).toMatchObject([{ status: 'lost', cause: 'not_begun', started_at: null }]);
    expect(await task(task_id)).toMatchObject({ status: 'pending', retry: 0, lost_count: 0 });
    expect((await task(task_id))?.due_in_s).toBeLessThanOrEqual(0);
  });
});

describe('finding F19: a deferred claim whose task another program ended before its worker died', () => {
  test.each(['done', 'failed', 'pending', 'cancelled'])(
    'is materialized when the device is declared dead (%s)',
    async (status) => {
      const dead = await insertDevice(session, db.names, { device_id: 'dead', lock_taken_s: 5 });
      const live = await insertDevice(session, db.names, { device_id: 'live' });
      const { task_id, claim_token } = await insertDeferredClaim(session, db.names, dead, { status });
      const other = await insertDeferredClaim(session, db.names, live, { status });
      const { check } = await office();
      await check.checkLocks();
      expect(await check.checkLocks()).toMatchObject({ dead: 1, closed: 1, rescued: 0 });
      expect(await attempts(task_id)).toMatchObject([
        { attempt: 1, status: 'lost', cause: 'foreign', device_id: 'dead', claim_token },
      ]);
      expect(await task(task_id)).toMatchObject({ status, claimed_by: null, claimed_at: null });
      expect(await attempts(other.task_id)).toEqual([]);
    },
  );

  test('is materialized when other claims of the same offline device are found, once per death', async () => {
    const off = await insertDevice(session, db.names, { columns: { status: 'offline' } });
    const done = await insertDeferredClaim(session, db.names, off, { status: 'done' });
    await insertDeferredClaim(session, db.names, off);
    const { round } = await office();
    expect(await round('strayClaims')).toMatchObject({ closed: 1, rescued: 1 });
    expect(await attempts(done.task_id)).toMatchObject([{ status: 'lost', cause: 'foreign' }]);
    await insertDeferredClaim(session, db.names, off, { status: 'done' });
    await insertDeferredClaim(session, db.names, off);
    expect(await round('strayClaims')).toMatchObject({ closed: 0, rescued: 1 });
  });

  test('is found near what the device ended last, also far behind the newest task', async () => {
    const dead = await insertDevice(session, db.names, { device_id: 'dead', lock_taken_s: 5 });
    await insertAttempt(session, db.names, {
      device: dead,
      task: { status: 'done' },
      columns: { status: 'completed' },
    });
    const { task_id } = await insertDeferredClaim(session, db.names, dead, { status: 'done' });
    await insertTask(session, db.names, { id: task_id + 1_000_000 });
    const { check } = await office();
    await check.checkLocks();
    expect(await check.checkLocks()).toMatchObject({ dead: 1, closed: 1 });
    expect(await attempts(task_id)).toMatchObject([{ status: 'lost', cause: 'foreign' }]);
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [task_id + 1_000_000]);
  });
});
