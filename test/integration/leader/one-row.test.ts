// One row that cannot be written keeps no other row, no other kind and no other duty from being done.
import { afterEach, describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { FLEET_KEYS } from '../../../src/core/domain/fleet-keys.ts';
import { FiguresKeeper } from '../../../src/core/leader/device-figures.ts';
import { DirectedTasks } from '../../../src/core/leader/directed-tasks.ts';
import { PartsFailed } from '../../../src/core/leader/duty/failures.ts';
import { SettingsKeeper } from '../../../src/core/leader/settings-keeper.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDeferredClaim } from '../../helpers/deferred-claim.ts';
import {
  type AttemptOptions,
  type DeviceRow,
  insertAttempt,
  insertDevice,
  insertLeader,
  insertTask,
  readAttempt,
  readDevice,
  readTask,
} from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { Refusals } from '../../helpers/refusals.ts';
import { office } from './office.ts';

let db: TestDatabase;
let session: Session;
let refuse: Refusals;
let off: DeviceRow;
let live: DeviceRow;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  refuse = new Refusals(session, db.names);
  await insertLeader(session, db.names, 'leader', 1);
  const device_id = 'crawler-07.beijing.example.com';
  off = await insertDevice(session, db.names, { device_id, columns: { status: 'offline' } });
  live = await insertDevice(session, db.names, { device_id: 'live' });
});
afterEach(async () => {
  await refuse.none();
  await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error TEXT NULL`);
});

/** Each check of it is ten seconds after the one before, so that no step of a round is left out. */
function atWork(deadlineMs = 10_000) {
  let now = 0;
  const monotonic = () => {
    now += 10_000;
    return now;
  };
  return office(db, { deadlineMs, monotonic });
}

/** What a round did and what it could not do. */
async function outcome(round: () => Promise<object>) {
  try {
    return { counts: await round(), failed: [] as string[] };
  } catch (error) {
    if (!(error instanceof PartsFailed)) throw error;
    return { counts: error.counts, failed: error.failures.map((one) => one.what) };
  }
}

const attempt = (device: DeviceRow, options: Partial<AttemptOptions> = {}) =>
  insertAttempt(session, db.names, { device, ...options });
const claim = (device: DeviceRow) => insertDeferredClaim(session, db.names, device);
const task = (id: number) => readTask(session, db.names, id);
const status = async (id: number) => (await task(id))?.status;

/** Two attempts of each kind that a health check ends; the first of each is the one that is refused. */
async function everyKind() {
  const twice = async (make: () => Promise<{ task_id: number }>) =>
    [(await make()).task_id, (await make()).task_id] as const;
  return {
    orphaned: await twice(() => attempt(off)),
    revoked: await twice(() => attempt(live, { revoked_s: 60, columns: { revoke_outcome: 'released' } })),
    overdue: await twice(() => attempt(live, { overdue_s: 60 })),
    strayClaims: await twice(() => claim(off)),
  };
}

describe('finding F11: a health check', () => {
  test('ends all others of every kind when of each kind one attempt cannot be ended, and names that one', async () => {
    const kinds = await everyKind();
    const stuck = Object.values(kinds).map(([first]) => first);
    await refuse.ofTasks(stuck);
    const { check } = await atWork();
    const { failed } = await outcome(() => check.runOnce());
    expect(failed).toHaveLength(stuck.length);
    for (const id of stuck) expect(failed.join()).toContain(`task ${id}`);
    for (const id of Object.values(kinds).flat()) {
      expect(await status(id)).toBe(stuck.includes(id) ? 'running' : 'pending');
    }
    await refuse.none();
    const { check: later } = await atWork();
    expect((await outcome(() => later.runOnce())).failed).toEqual([]);
    for (const id of stuck) expect(await status(id)).toBe('pending');
  });

  test('B5 undoes the task of an attempt whose own row is refused, and closes the foreign one next to it', async () => {
    const [stuck, late, fine] = [
      await attempt(live, { current: false }),
      await attempt(live, { overdue_s: 60 }),
      await attempt(live, { current: false }),
    ];
    const ended = "status IN ('lost', 'timeout')";
    await refuse.of(db.names.assignment, `task_id IN (${stuck.task_id}, ${late.task_id}) AND ${ended}`);
    const { check } = await atWork();
    expect((await outcome(() => check.runOnce())).failed).toEqual([
      `attempt ${late.assignment_id} of task ${late.task_id} (overdue)`,
      `attempt ${stuck.assignment_id} of task ${stuck.task_id} (foreign)`,
    ]);
    expect(await task(late.task_id)).toMatchObject({ status: 'running', retry: 0 });
    expect((await readAttempt(session, db.names, fine.assignment_id))?.status).toBe('lost');
  });

  test('a row whose write takes longer than a call may is passed in the next rounds', async ({ skip }) => {
    const kinds = await everyKind();
    const stuck = [kinds.orphaned[0], kinds.strayClaims[0]];
    if (!(await refuse.slow(`OLD.id IN (${stuck.join()})`))) return skip('no statement can be made slow here');
    const { check, own } = await atWork(300);
    const done = async () => {
      const all = await Promise.all(Object.values(kinds).flat().map(status));
      return all.filter((one) => one === 'pending').length;
    };
    const passing = /did not answer|cannot be reached|interrupted a statement/;
    for (let rounds = 0; (await done()) < 6 && rounds < 100; rounds += 1) {
      await check.runOnce().catch((error: Error) => expect(error.message).toMatch(passing));
      await own.ready();
    }
    expect(await done()).toBe(6);
    for (const id of stuck) expect(await status(id)).toBe('running');
  });

  test('declares dead and empties a device next to one whose row cannot be written', async () => {
    const [stuck, dead] = [
      await insertDevice(session, db.names, { device_id: 'a-stuck', lock_taken_s: 5 }),
      await insertDevice(session, db.names, { device_id: 'b-dead', lock_taken_s: 5 }),
    ];
    await attempt(stuck);
    const { task_id } = await attempt(dead);
    await refuse.of(db.names.device, "device_id = 'a-stuck' AND status = 'offline'");
    const { check } = await atWork();
    await check.checkLocks();
    const { failed, counts } = await outcome(() => check.checkLocks());
    expect(failed).toEqual(['device a-stuck']);
    expect(counts).toMatchObject({ dead: 1, rescued: 1 });
    expect(await status(task_id)).toBe('pending');
  });

  test('values that no column of ours takes end like any other: counters at their maximum, zero dates, a narrow text', async () => {
    const most = 2_147_483_647;
    await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error VARCHAR(64) NULL`);
    const dead = await attempt(off, { task: { lost_count: most } });
    const late = await attempt(live, { overdue_s: 9, task: { retry: most } });
    const third = await attempt(off, { task: { lost_count: 2 } });
    const deferred = await claim(off);
    const foreign = await db.session();
    await foreign.write("SET SESSION sql_mode = ''");
    await foreign.write(
      `UPDATE ${db.names.task} SET claimed_at = '0000-00-00 00:00:00', claim_deadline = '0000-00-00 00:00:00' WHERE id = ?`,
      [deferred.task_id],
    );
    const { check } = await atWork();
    expect((await outcome(() => check.runOnce())).failed).toEqual([]);
    expect(await task(dead.task_id)).toMatchObject({ status: 'failed', lost_count: most });
    expect(await task(late.task_id)).toMatchObject({ status: 'failed', retry: most });
    expect(await status(deferred.task_id)).toBe('pending');
    const last_error = 'poison: 3 worker(s) died while running it; last error: device c…';
    expect(await task(third.task_id)).toMatchObject({ last_error });
  });

  test('a column that takes no text of ours: the attempts end without one', async () => {
    await session.write(
      `ALTER TABLE ${db.names.task} MODIFY last_error ENUM('none', 'a fault of the old program') NULL`,
    );
    const ended = [await attempt(off), await claim(off), await claim(off)];
    const { check } = await atWork();
    expect((await outcome(() => check.runOnce())).failed).toEqual([]);
    for (const { task_id } of ended) expect(await task(task_id)).toMatchObject({ status: 'pending', last_error: null });
  });

  test('a round that fails with every row stops after some, and the next goes on behind them', async () => {
    const held = [];
    for (let n = 0; n < 30; n += 1) held.push((await attempt(off)).task_id);
    await refuse.ofTasks(held.slice(0, 27));
    const { check } = await atWork();
    const first = await outcome(() => check.runOnce());
    expect([first.failed.length, first.counts]).toMatchObject([25, { rescued: 0 }]);
    const second = await outcome(() => check.runOnce());
    expect([second.failed.length, second.counts]).toMatchObject([2, { rescued: 3 }]);
  });
});

test('finding F11: the other duties write all rows next to one that cannot be written', async () => {
  const ids: number[] = [];
  for (const device_id of ['a', 'b']) {
    ids.push(await insertTask(session, db.names, { status: 'assigned', target_device_id: 'gone' }));
    await insertDevice(session, db.names, { device_id, columns: { current_tasks: 9 } });
  }
  await refuse.ofTasks([ids[0]!]);
  await refuse.of(db.names.device, "device_id = 'a' AND current_tasks = 0");
  await refuse.of(db.names.setting, `name = '${FLEET_KEYS[1]}'`);
  const { duty } = await atWork();
  const [directed, figures] = [new DirectedTasks(duty), new FiguresKeeper(duty)];
  expect(await outcome(() => directed.runOnce())).toEqual({ counts: { returned: 1 }, failed: [`task ${ids[0]}`] });
  expect(await Promise.all(ids.map(status))).toEqual(['assigned', 'pending']);
  expect(await outcome(() => figures.runOnce())).toEqual({ counts: { updated: 1 }, failed: ['figures of device a'] });
  expect((await readDevice(session, db.names, 'b'))?.current_tasks).toBe(0);
  const keeper = new SettingsKeeper(duty, configSchema.parse({}));
  const written = FLEET_KEYS.length - 1;
  expect(await outcome(() => keeper.runOnce())).toEqual({ counts: { written }, failed: [FLEET_KEYS[1]] });
});
