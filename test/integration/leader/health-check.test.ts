// The leader's side of liveness, with devices that are rows and locks that nobody holds.
import { describe, expect } from 'vitest';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { signsOfLife } from '../../../src/core/election/lock-watch.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import {
  type AttemptOptions,
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
import { office, YEARS_AGO } from './office.ts';

const QUIET = { rescued: 0, poisoned: 0, timed_out: 0, failed: 0, revoked: 0, closed: 0, dead: 0 };

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
});

const device = (device_id: string, options: DeviceOptions = {}) =>
  insertDevice(session, db.names, { device_id, lock_taken_s: 5, ...options });
const attempt = (on: DeviceRow, options: Partial<AttemptOptions> = {}) =>
  insertAttempt(session, db.names, { device: on, ...options });
const task = (id: number) => readTask(session, db.names, id);
const ended = (id: number) => readAttempt(session, db.names, id);
const statusOf = async (id: string) => (await readDevice(session, db.names, id))?.status;
/** Heartbeats of somebody, all through the last `seconds`. */
function covered(seconds: number) {
  const beats = Array.from({ length: seconds }, (_, n) => `('other', UTC_TIMESTAMP(3) - INTERVAL ${n} SECOND)`);
  return session.write(`INSERT INTO ${db.names.heartbeat} (device_id, heartbeat_time) VALUES ${beats}`);
}

describe('dead by lock', () => {
  test('A3 a full device that dies is still detected, and all its tasks are open again; the leader is no judge of itself', async () => {
    await device('leader');
    const dead = await device('worker-001', { columns: { status: 'busy', max_concurrent_tasks: 2, current_tasks: 2 } });
    const attempts = [await attempt(dead), await attempt(dead)];
    const { check, deaths } = await office(db);
    expect(await check.checkLocks()).toEqual(QUIET);
    expect(await check.checkLocks()).toEqual({ ...QUIET, dead: 1, rescued: 2 });
    for (const { task_id, assignment_id } of attempts) {
      expect(await task(task_id)).toMatchObject({ status: 'pending', retry: 0, lost_count: 1, claim_token: null });
      expect(await ended(assignment_id)).toMatchObject({ status: 'lost', cause: 'device_dead' });
    }
    expect(deaths).toEqual([{ device_id: 'worker-001', by: 'lock', tasks: 2 }]);
    expect(await statusOf('worker-001')).toBe('offline');
  });

  test('the leader before, found dead by its follower, is dead at the first check', async () => {
    await device('leader-before');
    session.facts.startedAt = YEARS_AGO;
    const [seen] = await unlockedDevices(session, db.names, 0);
    const { check } = await office(db, { found: { device_id: 'leader-before', signs: signsOfLife(seen!) } });
    expect(await check.checkLocks()).toEqual({ ...QUIET, dead: 1 });
  });

  test('what was seen on one connection declares nobody dead on another, where nobody may have a lock yet', async () => {
    await device('worker-001');
    const { check, own, deaths } = await office(db);
    await check.checkLocks();
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
    expect([await statusOf('worker-001'), deaths]).toEqual(['online', []]);
  });

  test('A14 of many leaders that check the same death, one rescues, and none twice', async () => {
    const dead = await device('worker-001');
    const attempts = await Promise.all(Array.from({ length: 20 }, () => attempt(dead)));
    const checks = await Promise.all(Array.from({ length: 5 }, () => office(db)));
    await Promise.all(checks.map(({ check }) => check.checkLocks()));
    const counts = await Promise.all(checks.map(({ check }) => check.checkLocks()));
    // The leader that declared it dead may have met a row that another was just ending.
    const rest = await Promise.all(checks.map(({ check }) => check.runOnce()));
    const sum = (key: 'dead' | 'rescued') => [...counts, ...rest].reduce((total, one) => total + one[key], 0);
    expect([sum('dead'), sum('rescued')]).toEqual([1, 20]);
    for (const { task_id } of attempts) expect(await task(task_id)).toMatchObject({ status: 'pending', lost_count: 1 });
  });

  test('R5 duties fenced by an old term write nothing', async () => {
    await covered(60);
    const dead = await device('worker-001', { silent_s: 61 });
    const stopped = await device('worker-002', { columns: { status: 'offline' } });
    const held = [await attempt(dead), await attempt(stopped, { overdue_s: 9 })];
    const { check } = await office(db);
    await check.checkLocks();
    await insertLeader(session, db.names, 'another', 2);
    await expect(check.checkLocks()).rejects.toThrow(/no longer the leader of term 1/);
    await expect(check.runOnce()).rejects.toThrow(/no longer the leader of term 1/);
    expect(await statusOf('worker-001')).toBe('online');
    for (const { task_id } of held) expect(await task(task_id)).toMatchObject({ status: 'running', lost_count: 0 });
  });
});

test.for([
  { round: 'a round', once: false, alive: 15, dead: 21 },
  { round: 'one of a process without a past', once: true, alive: 39, dead: 41 },
])(
  'A2 A3 one timeout decides, for busy devices too: $round takes what was silent for $dead s, not for $alive s',
  async (row) => {
    await covered(20);
    const alive = await device('just-alive', { silent_s: row.alive });
    const dead = await device('just-dead', { silent_s: row.dead, columns: { status: 'busy' } });
    if (row.once) await session.write(`DELETE FROM ${db.names.heartbeat}`);
    const [kept, taken] = [await attempt(alive), await attempt(dead)];
    const { check, deaths } = await office(db, { master: { heartbeat_timeout: 20 } });
    expect(await check.runOnce({ once: row.once })).toEqual({ ...QUIET, dead: 1, rescued: 1 });
    expect([(await task(kept.task_id))?.status, (await task(taken.task_id))?.status]).toEqual(['running', 'pending']);
    expect(deaths).toEqual([{ device_id: 'just-dead', by: 'heartbeat', tasks: 1 }]);
  },
);

interface Open {
  what: string;
  on?: 'offline' | 'removed';
  options?: Partial<AttemptOptions>;
  task?: object;
  attempt: object;
}

const OPEN: Open[] = [
  {
    what: 'A4 of a device that is offline already',
    on: 'offline',
    task: { status: 'pending', retry: 0, lost_count: 1 },
    attempt: { status: 'lost', cause: 'device_offline' },
  },
  {
    what: 'of a device that was removed',
    on: 'removed',
    task: { status: 'pending' },
    attempt: { status: 'lost', cause: 'device_removed' },
  },
  {
    what: 'of an earlier instance of a living device',
    options: { columns: { instance_token: Buffer.alloc(16, 9) } },
    task: { status: 'pending' },
    attempt: { status: 'lost', cause: 'superseded' },
  },
  { what: 'of the present instance', task: { status: 'running' }, attempt: { status: 'running' } },
  {
    what: 'under which the third worker died',
    on: 'offline',
    options: { task: { lost_count: 2 } },
    task: { status: 'failed', retry: 0, lost_count: 3, last_error: expect.stringMatching(/^poison/) },
    attempt: { status: 'lost', error_class: 'poison' },
  },
  {
    what: 'B4 whose task another device has finished',
    on: 'offline',
    options: { overdue_s: 60, task: { status: 'done', claim_token: null, attempt: 2 } },
    task: { status: 'done', retry: 0, lost_count: 0, last_error: null },
    attempt: { status: 'lost', cause: 'device_offline' },
  },
  {
    what: 'overdue, with a try left',
    options: { overdue_s: 1, task: { max_retry_count: 1 } },
    task: { status: 'pending', retry: 1, claim_token: null },
    attempt: { status: 'timeout', error_class: 'timeout', cause: 'deadline' },
  },
  {
    what: 'overdue, with none left of the fleet’s number',
    options: { overdue_s: 1, task: { max_retry_count: null, retry: 2 } },
    task: { status: 'failed', finished_at: expect.anything() },
    attempt: { status: 'timeout' },
  },
  {
    what: 'cancelled, and not ended by its holder',
    options: { revoked_s: 21, columns: { revoke_outcome: 'cancelled' } },
    task: { status: 'cancelled', retry: 0 },
    attempt: { status: 'cancelled' },
  },
  { what: 'whose task another program deletes', attempt: { status: 'lost', cause: 'foreign' } },
];

test('A4 B4 one round ends every open attempt that nobody else ends, each as its row says', async () => {
  const live = await device('live');
  const on = { offline: await device('offline', { columns: { status: 'offline' } }), removed: await device('removed') };
  const made = [];
  for (const row of OPEN) made.push({ ...row, ids: await attempt(row.on ? on[row.on] : live, row.options) });
  for (const row of made.filter((one) => one.task === undefined)) {
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [row.ids.task_id]);
  }
  await session.write(`DELETE FROM ${db.names.device} WHERE device_id = 'removed'`);
  const { check } = await office(db, { master: { max_retry_count: 2 } });
  const counts = { rescued: 3, poisoned: 1, timed_out: 2, failed: 1, revoked: 1, closed: 2, dead: 0 };
  expect(await check.runOnce()).toEqual(counts);
  for (const { what, ids, ...row } of made) {
    if (row.task !== undefined) expect(await task(ids.task_id), what).toMatchObject(row.task);
    expect(await ended(ids.assignment_id), what).toMatchObject(row.attempt);
  }
});
