import { afterEach, describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import { dayPartitions, HEARTBEATS, RUN_LOGS } from '../../../src/core/db/history/day-partitions.ts';
import { writeFailingDuties } from '../../../src/core/db/leader/failing-duties.ts';
import { getLeader } from '../../../src/core/db/leader/get-leader.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { FLEET_KEYS } from '../../../src/core/domain/fleet-keys.ts';
import { Duties } from '../../../src/core/leader/duties.ts';
import { Events } from '../../../src/core/runtime/events.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import {
  type DeviceRow,
  insertAttempt,
  insertDevice,
  insertLeader,
  insertTask,
  readDevice,
  readTask,
} from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { Refusals } from '../../helpers/refusals.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let events: Events;
let off: DeviceRow;
const all: Duties[] = [];

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  events = new Events();
  await insertLeader(session, db.names, 'leader', 1);
  off = await insertDevice(session, db.names, { device_id: 'off', columns: { status: 'offline', current_tasks: 3 } });
  await wholeHistories();
});

afterEach(async () => {
  await Promise.all(all.splice(0).map((duties) => duties.stop()));
  await wholeHistories();
});

/** As in a schema that had no leader yet: one partition each. */
async function wholeHistories(): Promise<void> {
  for (const { table, time } of [HEARTBEATS, RUN_LOGS]) {
    await session.write(
      `ALTER TABLE ${db.names[table]} PARTITION BY RANGE COLUMNS (${time}) (PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
    );
  }
}

async function duties(term = 1) {
  const config = configSchema.parse({});
  const short = { lock_check_interval: 0.02, lock_grace: 0.1, health_check_interval: 0.05, scheduler_interval: 0.05 };
  Object.assign(config.master, { ...short, lock_trust_after_start: 0 });
  const keyring = new Keyring(async () => undefined);
  const own = await db.session({ deadlineMs: 1000 });
  const one = new Duties({ session: own, names: db.names, config, keyring, events, deviceId: 'leader', term });
  all.push(one);
  return { one, own };
}

const lanes = () => session.rows(`SELECT * FROM ${db.names.lane}`);
const published = (id: number) => until(async () => (await lanes()).some((row) => row.head_id === id));
const status = async (id: number) => (await readTask(session, db.names, id))?.status;
const pending = (id: number) => until(async () => (await status(id)) === 'pending');

describe('started', () => {
  test('A1 every duty does its work: a task directed at a device that died goes to everybody too', async () => {
    const due = await insertTask(session, db.names, { task_type: 'x' });
    const dead = await insertDevice(session, db.names, { device_id: 'dead', lock_taken_s: 0, silent_s: 30 });
    const fine = await insertDevice(session, db.names, { device_id: 'fine', columns: { current_tasks: 9 } });
    const [lost, orphan] = [
      await insertAttempt(session, db.names, { device: dead }),
      await insertAttempt(session, db.names, { device: off }),
    ];
    await insertAttempt(session, db.names, { device: fine });
    const directed = await insertTask(session, db.names, { status: 'assigned', target_device_id: 'dead' });
    const { one } = await duties();
    const death = once(events, 'device:dead');
    one.start();
    expect(await death).toEqual({ device_id: 'dead', by: 'lock', tasks: 1 });
    for (const id of [lost.task_id, orphan.task_id, directed]) await pending(id);
    await until(async () => (await readDevice(session, db.names, 'fine'))?.current_tasks === 1);
    await published(due);
    await until(async () => (await dayPartitions(session, db.names, HEARTBEATS)).partitions.length === 4);
  });

  test('a connection that is lost is opened again, and the work goes on', async () => {
    const { one, own } = await duties();
    one.start();
    await until(() => own.alive);
    const killed = own.facts.connectionId;
    await session.write(`KILL ${killed}`);
    await until(() => own.alive && own.facts.connectionId !== killed);
    await published(await insertTask(session, db.names, { task_type: 'later' }));
  });

  test('a duty that hangs on a lock stops no other for longer than a call may take, and is reported', async () => {
    const { one } = await duties();
    const other = await db.session();
    await other.write('START TRANSACTION');
    // Publishing hangs on the rows of af_lane until its call is given up.
    await session.write(
      `INSERT INTO ${db.names.lane} (lane, claim_rank, task_type, head_due_at, head_id, published_at)
       VALUES (UNHEX(REPEAT('0F', 16)), 5, 'x', NOW(3), 1, '2020-01-01')`,
    );
    await other.rows(`SELECT * FROM ${db.names.lane} FOR UPDATE`);
    const failed = once(events, 'leader:duty-failed', (data) => data.duty === 'publish-lanes');
    one.start();
    await failed;
    const { task_id } = await insertAttempt(session, db.names, { device: off });
    await pending(task_id);
    await other.write('ROLLBACK');
    await published(task_id);
  });

  test('a term that is over ends its duties by itself, and none of them is blamed for it', async () => {
    const { one } = await duties();
    one.start();
    await published(await insertTask(session, db.names, {}));
    const said: string[] = [];
    events.on('leader:duty-failed', ({ message }) => said.push(message));
    await insertLeader(session, db.names, 'another', 2);
    await one.finished;
    expect(said).toEqual([]);
  });

  test('a failing duty is in the leader row as long as it fails, is said once, and once when it works again', async () => {
    const said: string[] = [];
    events.on('leader:duty-failed', ({ duty }) => said.push(`${duty} failed`));
    events.on('leader:duty-works', ({ duty }) => said.push(`${duty} works`));
    const directed = { status: 'assigned', target_device_id: 'gone' };
    const [stuck, fine] = [
      await insertTask(session, db.names, directed),
      await insertTask(session, db.names, directed),
    ];
    const refuse = new Refusals(session, db.names);
    await refuse.ofTasks([stuck]);
    const { one } = await duties();
    one.start();
    const failing = async () => (await getLeader(session, db.names)).failing;
    await until(async () => (await failing()).length === 1);
    expect(await failing()).toEqual([
      { duty: 'return-assigned', message: expect.stringContaining(`task ${stuck}: `), since: expect.any(String) },
    ]);
    await pending(fine);
    await refuse.none();
    await until(async () => (await failing()).length === 0, 20_000);
    expect(said).toEqual(['return-assigned failed', 'return-assigned works']);
    expect(await status(stuck)).toBe('pending');
  });

  test('what another term could not do is no news of this one', async () => {
    const old = { holder: 'leader', term: 1 };
    await writeFailingDuties(session, db.names, old, [{ duty: 'prune', message: 'x', for_ms: 0 }]);
    expect((await getLeader(session, db.names)).failing).toHaveLength(1);
    await insertLeader(session, db.names, 'leader', 2);
    expect((await getLeader(session, db.names)).failing).toEqual([]);
    expect(await writeFailingDuties(session, db.names, old, [])).toBe(false);
  });
});

test('each published lane says how many devices can run it: online ones, with what it asks for', async () => {
  const able = (capabilities: object, columns = {}) =>
    insertDevice(session, db.names, { columns: { capabilities: JSON.stringify(capabilities), ...columns } });
  await able({ supported_tasks: ['plain'] });
  const both = { supported_tasks: ['plain', 'deep'], browser: true };
  for (const columns of [{}, { operator_state: 'paused' }, { status: 'offline' }]) await able(both, columns);
  await insertTask(session, db.names, { task_type: 'plain' });
  await insertTask(session, db.names, { task_type: 'plain', required_capabilities: '{"browser":true}' });
  await insertTask(session, db.names, { task_type: 'deep' });
  await insertTask(session, db.names, { task_type: 'nobody' });
  const { one } = await duties();
  await one.runOnceAll({ once: false });
  const counts = (await lanes()).map((row) => `${row.task_type} ${row.required_capabilities ?? ''} ${row.able}`);
  expect(counts.sort()).toEqual([
    'deep  1',
    'nobody  0',
    'plain  2',
    expect.stringMatching(/^plain {"browser": ?true} 1$/),
  ]);
});

describe('once', () => {
  test('runs every duty and reports their counts, judging nobody by its lock', async () => {
    await insertDevice(session, db.names, { device_id: 'unlocked', lock_taken_s: 0 });
    await insertAttempt(session, db.names, { device: off });
    await insertTask(session, db.names, {});
    const { one } = await duties();
    const report = await one.runOnceAll({ once: true });
    expect(report.failed).toEqual({});
    expect(report.counts).toMatchObject({
      'publish-lanes': { appeared: 1, vanished: 0 },
      'health-check': { dead: 0, rescued: 1 },
      'return-assigned': { returned: 0 },
      prune: { added: 3, dropped: 0 },
      settings: { written: FLEET_KEYS.length },
    });
    expect((await readDevice(session, db.names, 'unlocked'))?.status).toBe('online');
  });

  test('R5 under an old term every writing duty fails, and nothing is written', async () => {
    const { task_id } = await insertAttempt(session, db.names, { device: off });
    const directed = await insertTask(session, db.names, { status: 'assigned', target_device_id: 'off' });
    const { one } = await duties(0);
    const { failed } = await one.runOnceAll({ once: true });
    const before = ['publish-lanes', 'health-check', 'return-assigned', 'figures'];
    const prune = ['prune', 'prune-logs', 'prune-ends', 'prune-deliveries', 'prune-audit'];
    expect(Object.keys(failed)).toEqual([...before, ...prune, 'settings']);
    expect([await status(task_id), await status(directed), await lanes()]).toEqual(['running', 'assigned', []]);
    expect((await readDevice(session, db.names, 'off'))?.current_tasks).toBe(3);
  });
});
