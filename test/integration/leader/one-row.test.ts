// One row that cannot be written keeps no other row, no other kind and no other duty from being done.
import { afterEach, describe, expect } from 'vitest';
import { type Config, configSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { FLEET_KEYS } from '../../../src/core/domain/fleet-keys.ts';
import { FiguresKeeper } from '../../../src/core/leader/device-figures.ts';
import { DirectedTasks } from '../../../src/core/leader/directed-tasks.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { PartsFailed } from '../../../src/core/leader/duty/failures.ts';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { SettingsKeeper } from '../../../src/core/leader/settings-keeper.ts';
import { Events } from '../../../src/core/runtime/events.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDeferredClaim } from '../../helpers/deferred-claim.ts';
import {
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

let db: TestDatabase;
let session: Session;
let refuse: Refusals;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  refuse = new Refusals(session, db.names);
  await insertLeader(session, db.names, 'leader', 1);
});
afterEach(async () => {
  await refuse.none();
  await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error TEXT NULL`);
});

async function office(master: Partial<Config['master']> = {}, deadlineMs = 10_000) {
  const own = await db.session({ deadlineMs });
  const duty = new DutySession(own, db.names, { holder: 'leader', term: 1 });
  const settings = { ...configSchema.parse({}).master, lock_trust_after_start: 0, lock_grace: 0, ...master };
  // Each check of it is ten seconds after the one before, so that no step of a round is left out.
  let now = 0;
  const monotonic = () => {
    now += 10_000;
    return now;
  };
  const check = new HealthCheck({ duty, settings, events: new Events(), random: () => 0.5, monotonic });
  return { duty, check, own };
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

const status = async (id: number) => (await readTask(session, db.names, id))?.status;

/** Two attempts of each kind that a health check ends; the first of each is the one that is refused. */
async function everyKind() {
  const off = await insertDevice(session, db.names, { device_id: 'off', columns: { status: 'offline' } });
  const live = await insertDevice(session, db.names, { device_id: 'live' });
  const twice = async (make: () => Promise<{ task_id: number }>) =>
    [(await make()).task_id, (await make()).task_id] as const;
  return {
    orphaned: await twice(() => insertAttempt(session, db.names, { device: off })),
    revoked: await twice(() =>
      insertAttempt(session, db.names, { device: live, revoked_s: 60, columns: { revoke_outcome: 'released' } }),
    ),
    overdue: await twice(() => insertAttempt(session, db.names, { device: live, overdue_s: 60 })),
    strayClaims: await twice(() => insertDeferredClaim(session, db.names, off)),
  };
}

describe('finding F11: a health check', () => {
  test('ends all others of every kind when of each kind one attempt cannot be ended, and names that one', async () => {
    const kinds = await everyKind();
    const stuck = Object.values(kinds).map(([first]) => first);
    await refuse.ofTasks(stuck);
    const { check } = await office();
    const { failed } = await outcome(() => check.runOnce());
    expect(failed).toHaveLength(stuck.length);
    for (const id of stuck) expect(failed.join()).toContain(`task ${id}`);
    for (const id of Object.values(kinds).flat()) {
      expect(await status(id)).toBe(stuck.includes(id) ? 'running' : 'pending');
    }
    await refuse.none();
    expect((await outcome(() => office().then((again) => again.check.runOnce()))).failed).toEqual([]);
    for (const id of stuck) expect(await status(id)).toBe('pending');
  });

  test('B5 undoes the task of an attempt whose own row is refused, and closes the foreign one next to it', async () => {
    const live = await insertDevice(session, db.names, { device_id: 'live' });
    const [stuck, late, fine] = [
      await insertAttempt(session, db.names, { device: live, current: false }),
      await insertAttempt(session, db.names, { device: live, overdue_s: 60 }),
      await insertAttempt(session, db.names, { device: live, current: false }),
    ];
    const ended = "status IN ('lost', 'timeout')";
    await refuse.of(db.names.assignment, `task_id IN (${stuck.task_id}, ${late.task_id}) AND ${ended}`);
    const { check } = await office();
    const { failed } = await outcome(() => check.runOnce());
    expect(failed).toEqual([
      `attempt ${late.assignment_id} of task ${late.task_id} (overdue)`,
      `attempt ${stuck.assignment_id} of task ${stuck.task_id} (foreign)`,
    ]);
    expect(await readTask(session, db.names, late.task_id)).toMatchObject({ status: 'running', retry: 0 });
    expect((await readAttempt(session, db.names, fine.assignment_id))?.status).toBe('lost');
  });

  test('a row whose write takes longer than a call may is passed in the next rounds', async ({ skip }) => {
    const kinds = await everyKind();
    const stuck = [kinds.orphaned[0], kinds.strayClaims[0]];
    if (!(await refuse.slow(`OLD.id IN (${stuck.join()})`))) return skip('no statement can be made slow here');
    const { check, own } = await office({}, 300);
    const done = async () => {
      const all = await Promise.all(Object.values(kinds).flat().map(status));
      return all.filter((one) => one === 'pending').length;
    };
    let rounds = 0;
    for (; (await done()) < 6 && rounds < 100; rounds += 1) {
      await check
        .runOnce()
        .catch((error: Error) =>
          expect(error.message).toMatch(/did not answer|cannot be reached|interrupted a statement/),
        );
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
    const { task_id } = await insertAttempt(session, db.names, { device: dead });
    await insertAttempt(session, db.names, { device: stuck });
    await refuse.of(db.names.device, "device_id = 'a-stuck' AND status = 'offline'");
    const { check, own } = await office();
    own.facts.startedAt = '2020-01-01 00:00:00.000';
    await check.checkLocks();
    const { failed, counts } = await outcome(() => check.checkLocks());
    expect(failed).toEqual(['device a-stuck']);
    expect(counts).toMatchObject({ dead: 1, rescued: 1 });
    expect(await status(task_id)).toBe('pending');
  });

  test('values that no column of ours takes end like any other: counters at their maximum, zero dates, a narrow text', async () => {
    const most = 2_147_483_647;
    await session.write(`ALTER TABLE ${db.names.task} MODIFY last_error VARCHAR(64) NULL`);
    const device_id = 'crawler-07.beijing.example.com';
    const off = await insertDevice(session, db.names, { device_id, columns: { status: 'offline' } });
    const live = await insertDevice(session, db.names, { device_id: 'live' });
    const dead = await insertAttempt(session, db.names, { device: off, task: { lost_count: most } });
    const late = await insertAttempt(session, db.names, { device: live, overdue_s: 9, task: { retry: most } });
    const third = await insertAttempt(session, db.names, { device: off, task: { lost_count: 2 } });
    const deferred = await insertDeferredClaim(session, db.names, off);
    const foreign = await db.session();
    await foreign.write("SET SESSION sql_mode = ''");
    await foreign.write(
      `UPDATE ${db.names.task} SET claimed_at = '0000-00-00 00:00:00', claim_deadline = '0000-00-00 00:00:00' WHERE id = ?`,
      [deferred.task_id],
    );
    const { check } = await office();
    expect((await outcome(() => check.runOnce())).failed).toEqual([]);
    expect(await readTask(session, db.names, dead.task_id)).toMatchObject({ status: 'failed', lost_count: most });
    expect(await readTask(session, db.names, late.task_id)).toMatchObject({ status: 'failed', retry: most });
    expect(await status(deferred.task_id)).toBe('pending');
    const text = 'poison: 3 worker(s) died while running it; last error: device c…';
    expect((await readTask(session, db.names, third.task_id))?.last_error).toBe(text);
    // The row of the attempt has room for all of it.
    const { error_message } = (await readAttempt(session, db.names, third.assignment_id))!;
    expect(error_message).toBe(`device ${device_id} is offline`);
  });

  test('a column that takes no text of ours: the attempts end without one', async () => {
    await session.write(
      `ALTER TABLE ${db.names.task} MODIFY last_error ENUM('none', 'a fault of the old program') NULL`,
    );
    const off = await insertDevice(session, db.names, { columns: { status: 'offline' } });
    const full = await insertAttempt(session, db.names, { device: off });
    const deferred = [
      await insertDeferredClaim(session, db.names, off),
      await insertDeferredClaim(session, db.names, off),
    ];
    const { check } = await office();
    expect((await outcome(() => check.runOnce())).failed).toEqual([]);
    for (const { task_id } of [full, ...deferred]) {
      expect(await readTask(session, db.names, task_id)).toMatchObject({ status: 'pending', last_error: null });
    }
  });

  test('a round that fails with every row stops after some, and the next goes on behind them', async () => {
    const off = await insertDevice(session, db.names, { columns: { status: 'offline' } });
    const held = [];
    for (let n = 0; n < 40; n += 1) held.push(await insertAttempt(session, db.names, { device: off }));
    await refuse.ofTasks(held.slice(0, 30).map((one) => one.task_id));
    const { check } = await office();
    const first = await outcome(() => check.runOnce());
    expect(first.failed).toHaveLength(25);
    expect(first.counts).toMatchObject({ rescued: 0 });
    const second = await outcome(() => check.runOnce());
    expect(second.failed).toHaveLength(5);
    expect(second.counts).toMatchObject({ rescued: 10 });
  });
});

test('finding F11: the other duties write all rows next to one that cannot be written', async () => {
  const ids: number[] = [];
  for (const device_id of ['a', 'b', 'c']) {
    ids.push(await insertTask(session, db.names, { status: 'assigned', target_device_id: 'gone' }));
    await insertDevice(session, db.names, { device_id, columns: { current_tasks: 9 } });
  }
  await refuse.ofTasks([ids[0]!]);
  await refuse.of(db.names.device, "device_id = 'b' AND current_tasks = 0");
  await refuse.of(db.names.setting, `name = '${FLEET_KEYS[1]}'`);
  const { duty } = await office();
  const directed = new DirectedTasks(duty);
  expect(await outcome(() => directed.runOnce())).toEqual({ counts: { returned: 2 }, failed: [`task ${ids[0]}`] });
  expect(await Promise.all(ids.map(status))).toEqual(['assigned', 'pending', 'pending']);
  const figures = new FiguresKeeper(duty);
  expect(await outcome(() => figures.runOnce())).toEqual({ counts: { updated: 2 }, failed: ['figures of device b'] });
  const shown = async (id: string) => (await readDevice(session, db.names, id))?.current_tasks;
  expect(await Promise.all(['a', 'b', 'c'].map(shown))).toEqual([0, 9, 0]);
  const keeper = new SettingsKeeper(duty, configSchema.parse({}));
  const written = FLEET_KEYS.length - 1;
  expect(await outcome(() => keeper.runOnce())).toEqual({ counts: { written }, failed: [FLEET_KEYS[1]] });
  const rows = await session.rows<{ name: string }>(`SELECT name FROM ${db.names.setting}`);
  expect(rows.map((row) => row.name).sort()).toEqual(FLEET_KEYS.filter((_, n) => n !== 1).sort());
});
