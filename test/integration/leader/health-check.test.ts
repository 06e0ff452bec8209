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
/** Heartbeats of somebody, all through the last `seconds`. */
const covered = (seconds: number) =>
  session.write(
    `INSERT INTO ${db.names.heartbeat} (device_id, heartbeat_time) VALUES ${Array.from({ length: seconds }, (_, n) => `('other', UTC_TIMESTAMP(3) - INTERVAL ${n} SECOND)`).join(',')}`,
  );

describe('dead by lock', () => {
  test('A3 a full device that dies is still detected, and all its tasks are open again; the leader is no judge of itself', async () => {
    await device('leader');
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
    const { check } = await healthCheck();
    expect(await check.runOnce({ once: row.once })).toEqual({ ...QUIET, dead: 1, rescued: 1 });
    expect((await task(kept.task_id))?.status).toBe('running');
    expect((await task(taken.task_id))?.status).toBe('pending');
    expect(deaths).toEqual([{ device_id: 'just-dead', by: 'heartbeat', tasks: 1 }]);
  },
);

interface Open {
  what: string;
  on?: 'offline' | 'live' | 'removed';
  options?: Partial<Parameters<typeof insertAttempt>[2]>;
  /** What another program does to the task. */
  foreign?: (id: number) => string;
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
    what: 'B4 overdue, whose task another attempt holds',
    options: { overdue_s: 1, current: false, task: { max_retry_count: 0 } },
    task: { status: 'running', retry: 0 },
    attempt: { status: 'lost', cause: 'foreign' },
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
    what: 'F2 overdue, and never reported as begun',
    options: { overdue_s: 5, task: { max_retry_count: 0 }, columns: { status: 'assigned' } },
    task: { status: 'pending', retry: 0, lost_count: 1 },
    attempt: { status: 'lost', cause: 'not_begun' },
  },
  {
    what: 'cancelled, and not ended by its holder',
    options: { revoked_s: 21, columns: { revoke_outcome: 'cancelled' } },
    task: { status: 'cancelled', retry: 0 },
    attempt: { status: 'cancelled' },
  },
  {
    what: 'given to another device, and not ended by its holder',
    options: { revoked_s: 21, columns: { revoke_outcome: 'released' }, task: { target_device_id: 'worker-002' } },
    task: { status: 'assigned', target_device_id: 'worker-002', retry: 0 },
    attempt: { status: 'released' },
  },
  {
    what: 'cancelled a moment ago',
    options: { revoked_s: 15, columns: { revoke_outcome: 'cancelled' } },
    task: { status: 'running' },
    attempt: { status: 'running' },
  },
  {
    what: 'whose task another program deletes',
    foreign: (id) => `DELETE FROM ${db.names.task} WHERE id = ${id}`,
    attempt: { status: 'lost', cause: 'foreign' },
  },
  {
    what: 'whose task another program resets',
    foreign: (id) => `UPDATE ${db.names.task} SET status = 'pending' WHERE id = ${id}`,
    task: { status: 'pending' },
    attempt: { status: 'lost', cause: 'foreign' },
  },
];

test('A4 B4 one round ends every open attempt that nobody else ends, each as its row says', async () => {
  const on = {
    offline: await device('offline', { columns: { status: 'offline' } }),
    live: await device('live'),
    removed: await device('removed'),
  };
  const made = [];
  for (const row of OPEN) made.push({ ...row, ids: await attempt(on[row.on ?? 'live'], row.options) });
  for (const { foreign, ids } of made) if (foreign !== undefined) await session.write(foreign(ids.task_id));
  await session.write(`DELETE FROM ${db.names.device} WHERE device_id = 'removed'`);
  const { check } = await healthCheck({ max_retry_count: 2 });
  const counts = { rescued: 4, poisoned: 1, timed_out: 2, failed: 1, revoked: 2, closed: 4, dead: 0 };
  expect(await check.runOnce()).toEqual(counts);
  for (const { what, ids, ...row } of made) {
    const found = await task(ids.task_id);
    if (row.task === undefined) expect(found, what).toBeUndefined();
    else expect(found, what).toMatchObject(row.task);
    expect(await ended(ids.assignment_id), what).toMatchObject(row.attempt);
  }
});
