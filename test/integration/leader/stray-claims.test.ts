// What the leader does with deferred claims that nobody else will end.
import { describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Failures } from '../../../src/core/leader/duty/failures.ts';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
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
  readTask,
} from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
});

/** Counts the fenced transactions of its duty. */
class Counting extends DutySession {
  transactions = 0;

  override async fenced<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.transactions += 1;
    return super.fenced(work);
  }
}

async function office(limit?: number) {
  const own = await db.session();
  own.facts.startedAt = '2020-01-01 00:00:00.000';
  const duty = new Counting(own, db.names, { holder: 'leader', term: 1 });
  const master = configSchema.parse({}).master;
  const settings = { ...master, lock_trust_after_start: 0, lock_grace: 0 };
  const rescuer = new Rescuer({ duty, policy: master, revokeTimeoutS: 20, ...(limit === undefined ? {} : { limit }) });
  const round = async () => {
    const failures = new Failures(duty);
    return failures.end(await rescuer.strayClaims(failures));
  };
  return { duty, round, check: new HealthCheck({ duty, settings, events: new Events(), random: () => 0.5 }) };
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

describe('finding F15: deferred claims of the dead', () => {
  test('come back in one round however many there are, each transaction bounded and of one device', async () => {
    const devices = [];
    for (const device_id of ['a', 'b', 'c']) {
      const device = await insertDevice(session, db.names, { device_id, columns: { status: 'offline' } });
      await many(device, 400);
      devices.push(device);
    }
    expect(await count("status = 'running'")).toBe(1200);
    const { duty, round } = await office(100);
    expect(await round()).toMatchObject({ rescued: 1200 });
    expect(await count("status = 'pending' AND claimed_by IS NULL")).toBe(1200);
    // Pages of 100 by id; two of them hold claims of two devices.
    expect(duty.transactions).toBeGreaterThanOrEqual(12);
    expect(duty.transactions).toBeLessThanOrEqual(15);
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
    const { round } = await office(2);
    expect(await round()).toMatchObject({ rescued: 1 });
    expect((await task(last.task_id))?.status).toBe('pending');
    await other.write('ROLLBACK');
    expect(await round()).toMatchObject({ rescued: 3 });
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
      expect(await round()).toMatchObject({ rescued: 1 });
      expect(await attempts(one.task_id)).toMatchObject([{ status: 'assigned', cause: 'deferred' }]);
      expect(await task(one.task_id)).toMatchObject({ status: 'running', claimed_by: null });
      expect(await attempts(lost.task_id)).toMatchObject([{ status: 'lost', cause: 'device_offline' }]);
    }
  });

  test('a claim whose token is gone is materialized as lost to that program, and the task is left as it is', async () => {
    const live = await insertDevice(session, db.names);
    const { task_id } = await insertDeferredClaim(session, db.names, live, { claim_token: null });
    const { round } = await office();
    expect(await round()).toMatchObject({ closed: 1 });
    expect(await attempts(task_id)).toMatchObject([{ status: 'lost', cause: 'foreign', device_id: live.device_id }]);
    expect(await task(task_id)).toMatchObject({ status: 'running', claimed_by: null });
    expect(await round()).toMatchObject({ closed: 0 });
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
    expect(await round()).toMatchObject({ closed: 1, rescued: 1 });
    expect(await attempts(done.task_id)).toMatchObject([{ status: 'lost', cause: 'foreign' }]);
    await insertDeferredClaim(session, db.names, off, { status: 'done' });
    await insertDeferredClaim(session, db.names, off);
    expect(await round()).toMatchObject({ closed: 0, rescued: 1 });
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
