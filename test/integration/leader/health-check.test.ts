// The leader's side of liveness, with devices that are rows and locks that the tests hold. Time: the database's clock runs,
// the leader's monotonic clock is moved by the test.
import { describe, expect } from 'vitest';
import { type Config, configSchema } from '../../../src/core/config/config-schema.ts';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { type FoundDead, signsOfLife } from '../../../src/core/election/lock-watch.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { type AfdEvents, Events } from '../../../src/core/runtime/events.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import {
  type DeviceOptions,
  type DeviceRow,
  insertAttempt,
  insertDevice,
  insertLeader,
  readAttempt,
  readDevice,
  readTask,
} from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { Refusals } from '../../helpers/refusals.ts';

const QUIET = { rescued: 0, poisoned: 0, timed_out: 0, failed: 0, revoked: 0, closed: 0, dead: 0 };

/** As if the server had been up for years: the private one of a test run is seconds old. */
const YEARS_AGO = '2020-01-01 00:00:00.000';

let db: TestDatabase;
let session: Session;
let now: number;
let deaths: Array<AfdEvents['device:dead']>;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  now = 1_000_000;
  deaths = [];
  await insertLeader(session, db.names, 'leader', 1);
});

interface Office {
  term?: number;
  found?: FoundDead;
}

async function healthCheck(master: Partial<Config['master']> = {}, { term = 1, found }: Office = {}) {
  const events = new Events();
  events.on('device:dead', (data) => deaths.push(data));
  const own = await db.session();
  own.facts.startedAt = YEARS_AGO;
  const settings = { ...configSchema.parse({}).master, lock_trust_after_start: 0, heartbeat_timeout: 20, ...master };
  const duty = new DutySession(own, db.names, { holder: 'leader', term });
  const check = new HealthCheck({ duty, settings, events, found, monotonic: () => now, random: () => 0.5 });
  return { check, session: own };
}

const device = (device_id: string, options: DeviceOptions = {}) =>
  insertDevice(session, db.names, { device_id, lock_taken_s: 5, ...options });
const attempt = (on: DeviceRow, options: Partial<Parameters<typeof insertAttempt>[2]> = {}) =>
  insertAttempt(session, db.names, { device: on, ...options });
const task = (id: number) => readTask(session, db.names, id);
const ended = (id: number) => readAttempt(session, db.names, id);
const deviceRow = (id: string) => readDevice(session, db.names, id);
async function hold(lock: DeviceRow): Promise<Session> {
  const holder = await db.session();
  await holder.rows('SELECT GET_LOCK(?, 0)', [lock.lock_name]);
  return holder;
}
/** Heartbeats of somebody, all through the last `seconds`. */
const covered = (seconds: number) =>
  session.write(
    `INSERT INTO ${db.names.heartbeat} (device_id, heartbeat_time) VALUES ${Array.from({ length: seconds }, (_, n) => `('other', UTC_TIMESTAMP(3) - INTERVAL ${n} SECOND)`).join(',')}`,
  );

describe('dead by lock', () => {
  test('A3 a full device that dies is still detected, and all its tasks are open again', async () => {
    const dead = await device('worker-001', { columns: { status: 'busy', max_concurrent_tasks: 3, current_tasks: 3 } });
    const attempts = [await attempt(dead), await attempt(dead), await attempt(dead)];
    const { check } = await healthCheck();
    expect(await check.checkLocks()).toEqual(QUIET);
    now += 1000;
    expect(await check.checkLocks()).toEqual({ ...QUIET, dead: 1, rescued: 3 });
    for (const { task_id, assignment_id } of attempts) {
      expect(await task(task_id)).toMatchObject({ status: 'pending', retry: 0, lost_count: 1, claim_token: null });
      expect(await ended(assignment_id)).toMatchObject({ status: 'lost', cause: 'device_dead' });
    }
    expect(deaths).toEqual([{ device_id: 'worker-001', by: 'lock', tasks: 3 }]);
    expect((await deviceRow('worker-001'))?.status).toBe('offline');
    expect(await check.checkLocks()).toEqual(QUIET);
  });

  test('the leader before, found dead by its follower, is dead at the first check; not if it has shown life since', async () => {
    const dead = await device('leader-before');
    const { task_id } = await attempt(dead);
    session.facts.startedAt = YEARS_AGO;
    const [seen] = await unlockedDevices(session, db.names, 0);
    const found = { device_id: dead.device_id, signs: signsOfLife(seen!) };
    const { check: other } = await healthCheck({}, { found: { ...found, signs: 'another instance' } });
    expect(await other.checkLocks()).toEqual(QUIET);
    const { check } = await healthCheck({}, { found });
    expect(await check.checkLocks()).toEqual({ ...QUIET, dead: 1, rescued: 1 });
    expect(await task(task_id)).toMatchObject({ status: 'pending', lost_count: 1 });
  });

  test('a device that holds its lock lives, however long', async () => {
    const live = await device('worker-001');
    await attempt(live);
    const holder = await hold(live);
    const { check } = await healthCheck();
    for (let n = 0; n < 3; n += 1) {
      expect(await check.checkLocks()).toEqual(QUIET);
      now += 1000;
    }
    await holder.close();
  });

  test('a device whose connection was cut and is back within the grace lives', async () => {
    const cut = await device('worker-001');
    const { check } = await healthCheck();
    await check.checkLocks();
    now += 500;
    await session.write(
      `UPDATE ${db.names.device} SET last_heartbeat = UTC_TIMESTAMP(3), lock_taken_at = UTC_TIMESTAMP(3)`,
    );
    await hold(cut);
    await check.checkLocks();
    now += 1000;
    expect(await check.checkLocks()).toEqual(QUIET);
    expect((await deviceRow('worker-001'))?.status).toBe('online');
  });

  test('a lock of another server, or of before its restart, says nothing', async () => {
    await device('elsewhere', { columns: { lock_server: 'elsewhere:1' } });
    await device('before', { lock_taken_s: 1_000_000_000 });
    await device('none', { columns: { lock_name: null } });
    const { check } = await healthCheck();
    await check.checkLocks();
    now += 1000;
    expect(await check.checkLocks()).toEqual(QUIET);
  });

  test('what was seen on one connection declares nobody dead on another, where nobody may have a lock yet', async () => {
    await device('worker-001');
    const { check, session: own } = await healthCheck();
    await check.checkLocks();
    now += 1000;
    // The connection is lost after the locks were read, and before the death is written: a failover.
    const ready = own.ready.bind(own);
    let calls = 0;
    own.ready = () => {
      calls += 1;
      if (calls === 2) own.destroy();
      return ready();
    };
    expect(await check.checkLocks()).toEqual(QUIET);
    expect(calls).toBeGreaterThanOrEqual(2);
    expect((await deviceRow('worker-001'))?.status).toBe('online');
    expect(deaths).toEqual([]);
  });

  test('a server that has just started makes nobody dead', async () => {
    await device('worker-001');
    const { check } = await healthCheck({ lock_trust_after_start: 1_000_000_000 });
    await check.checkLocks();
    now += 1000;
    expect(await check.checkLocks()).toEqual(QUIET);
  });

  test('the leader’s own reconnect begins everything again', async () => {
    await device('worker-001');
    const { check, session: own } = await healthCheck({ lock_trust_after_start: 0.000_001 });
    await check.checkLocks();
    own.destroy();
    (await own.ready()).startedAt = YEARS_AGO;
    now += 1000;
    expect(await check.checkLocks()).toEqual(QUIET);
    now += 1;
    expect(await check.checkLocks()).toEqual(QUIET);
    now += 1000;
    expect(await check.checkLocks()).toMatchObject({ dead: 1 });
  });

  test('the leader is no judge of itself', async () => {
    await device('leader');
    const { check } = await healthCheck();
    await check.checkLocks();
    now += 1000;
    expect(await check.checkLocks()).toEqual(QUIET);
  });

  test('A14 of many leaders that check the same death, one rescues, and none twice', async () => {
    const dead = await device('worker-001');
    const attempts = await Promise.all(Array.from({ length: 20 }, () => attempt(dead)));
    const checks = await Promise.all(Array.from({ length: 5 }, () => healthCheck()));
    await Promise.all(checks.map(({ check }) => check.checkLocks()));
    now += 1000;
    const counts = await Promise.all(checks.map(({ check }) => check.checkLocks()));
    // The leader that declared it dead may have met a row that another was just ending.
    const rest = await Promise.all(checks.map(({ check }) => check.runOnce()));
    const sum = (key: 'dead' | 'rescued') => [...counts, ...rest].reduce((total, one) => total + one[key], 0);
    expect([sum('dead'), sum('rescued')]).toEqual([1, 20]);
    for (const { task_id } of attempts) expect(await task(task_id)).toMatchObject({ status: 'pending', lost_count: 1 });
  });
});

describe('dead by heartbeat', () => {
  test('A2 one timeout decides: below it nothing happens, above it the tasks are open in the same check', async () => {
    await covered(20);
    const alive = await device('just-alive', { silent_s: 15 });
    const dead = await device('just-dead', { silent_s: 21 });
    const [kept, taken] = [await attempt(alive), await attempt(dead)];
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, dead: 1, rescued: 1 });
    expect((await task(kept.task_id))?.status).toBe('running');
    expect((await task(taken.task_id))?.status).toBe('pending');
    expect(deaths).toEqual([{ device_id: 'just-dead', by: 'heartbeat', tasks: 1 }]);
  });

  test('A3 a busy device that falls silent is dead like any other', async () => {
    await covered(20);
    const dead = await device('worker-001', { silent_s: 21, columns: { status: 'busy' } });
    await attempt(dead);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toMatchObject({ dead: 1, rescued: 1 });
  });

  test('without others’ heartbeats the leader must have been connected all the time', async () => {
    await device('worker-001', { silent_s: 100 });
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual(QUIET);
  });

  test('half of the fleet silent at once is not believed', async () => {
    await covered(20);
    for (const id of ['a', 'b']) await device(id, { silent_s: 21 });
    for (const id of ['c', 'd']) await device(id);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual(QUIET);
    expect((await deviceRow('a'))?.status).toBe('online');
  });

  test('once takes only what is silent for twice the timeout', async () => {
    const [a, b] = [await device('a', { silent_s: 39 }), await device('b', { silent_s: 41 })];
    const [kept, taken] = [await attempt(a), await attempt(b)];
    const { check } = await healthCheck();
    expect(await check.runOnce({ once: true })).toEqual({ ...QUIET, dead: 1, rescued: 1 });
    expect((await task(kept.task_id))?.status).toBe('running');
    expect((await task(taken.task_id))?.status).toBe('pending');
  });
});

describe('attempts without a device', () => {
  test('A4 a device that is offline already with work left is still reaped', async () => {
    const stopped = await device('worker-001', { columns: { status: 'offline' } });
    const { task_id, assignment_id } = await attempt(stopped);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, rescued: 1 });
    expect(await task(task_id)).toMatchObject({ status: 'pending', retry: 0 });
    expect(await ended(assignment_id)).toMatchObject({ status: 'lost', cause: 'device_offline' });
  });

  test('what an earlier instance of a device held is taken back, what the present one holds is not', async () => {
    const again = await device('worker-001');
    const old = await attempt(again, { columns: { instance_token: Buffer.alloc(16, 9) } });
    const young = await attempt(again);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, rescued: 1 });
    expect(await ended(old.assignment_id)).toMatchObject({ status: 'lost', cause: 'superseded' });
    expect((await ended(young.assignment_id))?.status).toBe('running');
  });

  test('what a removed device held is taken back', async () => {
    const gone = await device('worker-001');
    const { task_id } = await attempt(gone);
    await session.write(`DELETE FROM ${db.names.device}`);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, rescued: 1 });
    expect((await task(task_id))?.status).toBe('pending');
  });

  test('the third worker that dies under a task makes it poison', async () => {
    const stopped = await device('worker-001', { columns: { status: 'offline' } });
    const { task_id, assignment_id } = await attempt(stopped, { task: { lost_count: 2 } });
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, poisoned: 1 });
    expect(await task(task_id)).toMatchObject({ status: 'failed', retry: 0, lost_count: 3 });
    expect((await task(task_id))?.last_error).toMatch(/^poison/);
    expect(await ended(assignment_id)).toMatchObject({ status: 'lost', error_class: 'poison' });
  });

  test('B4 an orphan of a dead device does not touch the task that another device has finished', async () => {
    const stopped = await device('worker-001', { columns: { status: 'offline' } });
    const orphan = await attempt(stopped, { overdue_s: 60, task: { status: 'done', claim_token: null, attempt: 2 } });
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, closed: 1 });
    expect(await task(orphan.task_id)).toMatchObject({ status: 'done', retry: 0, lost_count: 0, last_error: null });
    expect((await ended(orphan.assignment_id))?.status).toBe('lost');
  });

  test('B5 an attempt that is held by somebody is left for the next round, and the others are rescued', async () => {
    const stopped = await device('worker-001', { columns: { status: 'offline' } });
    const attempts = [await attempt(stopped), await attempt(stopped), await attempt(stopped)];
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT * FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [attempts[0]?.task_id]);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, rescued: 2 });
    expect((await task(attempts[0]?.task_id as number))?.status).toBe('running');
    await other.write('ROLLBACK');
    expect(await check.runOnce()).toEqual({ ...QUIET, rescued: 1 });
  });

  test('B5 one attempt that cannot be ended undoes nothing of the others', async () => {
    const stopped = await device('worker-001', { columns: { status: 'offline' } });
    const broken = await attempt(stopped);
    const fine = await attempt(stopped);
    const refuse = new Refusals(session, db.names);
    // The second write of its end: the first must be undone.
    await refuse.of(db.names.assignment, `task_id = ${broken.task_id} AND status = 'lost'`);
    const { check } = await healthCheck();
    await expect(check.runOnce()).rejects.toThrow(/refuse_0/);
    await refuse.none();
    expect((await task(fine.task_id))?.status).toBe('pending');
    expect(await task(broken.task_id)).toMatchObject({ status: 'running', lost_count: 0 });
    expect((await ended(broken.assignment_id))?.status).toBe('running');
  });
});

describe('attempts past their time', () => {
  test('an overdue attempt spends a retry and comes back after its backoff', async () => {
    const { task_id, assignment_id } = await attempt(await device('worker-001'), { overdue_s: 1 });
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, timed_out: 1 });
    const row = await task(task_id);
    expect(row).toMatchObject({ status: 'pending', retry: 1, claim_token: null });
    expect(row?.due_in_s).toBeGreaterThan(25);
    expect(row?.due_in_s).toBeLessThanOrEqual(30);
    expect(await ended(assignment_id)).toMatchObject({ status: 'timeout', error_class: 'timeout', cause: 'deadline' });
  });

  test('an overdue attempt of a task without budget fails it; NULL means the setting', async () => {
    const on = await device('worker-001');
    const own = await attempt(on, { overdue_s: 1, task: { max_retry_count: 0 } });
    const fleet = await attempt(on, { overdue_s: 1, task: { max_retry_count: null, retry: 2 } });
    const { check } = await healthCheck({ max_retry_count: 2 });
    expect(await check.runOnce()).toEqual({ ...QUIET, timed_out: 2, failed: 2 });
    for (const { task_id } of [own, fleet]) {
      expect(await task(task_id)).toMatchObject({ status: 'failed' });
      expect((await task(task_id))?.finished_at).not.toBeNull();
    }
  });

  test('B4 an overdue attempt whose task another attempt holds does not fail it', async () => {
    const { task_id, assignment_id } = await attempt(await device('worker-001'), {
      overdue_s: 1,
      current: false,
      task: { max_retry_count: 0 },
    });
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, closed: 1 });
    expect(await task(task_id)).toMatchObject({ status: 'running', retry: 0 });
    expect(await ended(assignment_id)).toMatchObject({ status: 'lost', cause: 'foreign' });
  });

  test('a revoked attempt that its holder does not end is ended as the operator wanted', async () => {
    const on = await device('worker-001');
    const cancelled = await attempt(on, { revoked_s: 21, columns: { revoke_outcome: 'cancelled' } });
    const moved = await attempt(on, {
      revoked_s: 21,
      columns: { revoke_outcome: 'released' },
      task: { target_device_id: 'worker-002' },
    });
    const fresh = await attempt(on, { revoked_s: 15, columns: { revoke_outcome: 'cancelled' } });
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, revoked: 2 });
    expect(await task(cancelled.task_id)).toMatchObject({ status: 'cancelled', retry: 0 });
    expect((await ended(cancelled.assignment_id))?.status).toBe('cancelled');
    expect(await task(moved.task_id)).toMatchObject({ status: 'assigned', target_device_id: 'worker-002', retry: 0 });
    expect((await ended(moved.assignment_id))?.status).toBe('released');
    expect((await task(fresh.task_id))?.status).toBe('running');
  });

  test('a running task that another program deletes or resets closes its attempt and is left as it is', async () => {
    const on = await device('worker-001');
    const [deleted, reset, untouched] = [await attempt(on), await attempt(on), await attempt(on)];
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [deleted.task_id]);
    await session.write(`UPDATE ${db.names.task} SET status = 'pending' WHERE id = ?`, [reset.task_id]);
    const { check } = await healthCheck();
    expect(await check.runOnce()).toEqual({ ...QUIET, closed: 2 });
    for (const { assignment_id } of [deleted, reset]) {
      expect(await ended(assignment_id)).toMatchObject({ status: 'lost', cause: 'foreign' });
    }
    expect((await task(reset.task_id))?.status).toBe('pending');
    expect((await ended(untouched.assignment_id))?.status).toBe('running');
  });
});

describe('a term that is over', () => {
  test('R5 duties fenced by an old term write nothing', async () => {
    await covered(20);
    const dead = await device('worker-001', { silent_s: 21 });
    const stopped = await device('worker-002', { columns: { status: 'offline' } });
    const held = [await attempt(dead), await attempt(stopped), await attempt(stopped, { overdue_s: 9 })];
    const { check } = await healthCheck();
    await check.checkLocks();
    await insertLeader(session, db.names, 'another', 2);
    now += 1000;
    await expect(check.checkLocks()).rejects.toThrow(/no longer the leader of term 1/);
    await expect(check.runOnce()).rejects.toThrow(/no longer the leader of term 1/);
    expect((await deviceRow('worker-001'))?.status).toBe('online');
    for (const { task_id, assignment_id } of held) {
      expect(await task(task_id)).toMatchObject({ status: 'running', retry: 0, lost_count: 0 });
      expect((await ended(assignment_id))?.status).toBe('running');
    }
    expect(deaths).toEqual([]);
  });
});
