// The fleet's values: who writes them, and that every node obeys them, while it runs too.
import { afterEach, describe, expect, vi } from 'vitest';
import { Session } from '../../src/core/db/session.ts';
import { readSettings } from '../../src/core/db/settings/read-settings.ts';
import { writeSettings } from '../../src/core/db/settings/write-settings.ts';
import { FLEET_KEYS } from '../../src/core/domain/fleet-keys.ts';
import { DutySession } from '../../src/core/leader/duty/duty-session.ts';
import { leadOnce } from '../../src/core/leader/lead-once.ts';
import { HealthCheck } from '../../src/core/leader/rescue/health-check.ts';
import { Liveness } from '../../src/core/node/liveness.ts';
import type { LivenessReport } from '../../src/core/node/liveness-messages.ts';
import { livenessSettings, obeyFleet } from '../../src/core/node/liveness-settings.ts';
import { addTask, showTask } from '../../src/core/tasks/tasks.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertDevice, insertLeader, insertTask, readTask } from '../helpers/factories.ts';
import { test } from '../helpers/fixture.ts';
import { startWorker, stopWorkers, testContext } from '../helpers/node.ts';
import { once, until } from '../helpers/wait.ts';
import { hang } from '../helpers/worked-tasks.ts';

let db: TestDatabase;
let session: Session;
const facts = { hostname: 'test-host', version: '0.0.0-test' };

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await stopWorkers();
});

const write = (values: Record<string, unknown>) =>
  writeSettings(session, db.names, new Map(Object.entries(values)), { by: 'test', existing: 'replace' });
const stored = () => readSettings(session, db.names);

test('the members of the database that the fleet names are told to every node that has several', async () => {
  await write({ 'database.hosts': '127.0.0.1:1,127.0.0.1:2' });
  const nobody = { host: '127.0.0.1', port: 1 };
  const node = testContext(db, { worker: { device_id: 'n' }, members: [nobody] });
  await node.session();
  expect(node.writer?.learn(['127.0.0.1:2'])).toEqual([]);
  // With a heartbeat.
  await write({ 'database.hosts': '127.0.0.1:3' });
  obeyFleet(node, { rows: await stored() });
  await node.close();
  expect(node.lines.join('')).toContain('the fleet names more members of its database: 127.0.0.1:3');
});

test('the first leader writes what its file says, all keys of it, and signs it; what is there it obeys', async () => {
  await write({ 'master.task_timeout': 55 });
  const context = testContext(db, { master: { task_timeout: 77, max_retry_count: 8 }, worker: { device_id: 'm' } });
  const { duties } = await leadOnce(context, facts);
  await context.close();
  expect(duties?.counts.settings).toEqual({ written: FLEET_KEYS.length - 1 });
  const rows = Object.fromEntries((await stored()).map((row) => [row.name, [row.value, row.updated_by]]));
  expect(Object.keys(rows)).toEqual([...FLEET_KEYS].sort());
  expect(rows).toMatchObject({ 'master.task_timeout': [55, 'test'], 'master.max_retry_count': [8, 'm'] });
  expect(context.config.master.task_timeout).toBe(55);
});

describe('a worker', () => {
  test('that runs takes over retries, backoff and timeouts without a restart', async () => {
    const fails = () => {
      throw new Error('no');
    };
    // It leads too: without a leader it looks for new kinds of tasks every few seconds only.
    const master = { max_retry_count: 0, task_timeout: 600 };
    const worker = startWorker(db, { handlers: { fails, slow: hang }, master, worker: { leader: true } });
    await until(async () => (await stored()).length > 0);
    const changed = once(worker.events, 'settings:changed');
    const backoff = { 'master.retry_backoff.initial': 0.01, 'master.retry_backoff.max': 0.01 };
    await write({ 'master.max_retry_count': 2, 'master.task_timeout': 0.2, ...backoff });
    expect((await changed).changes).toContainEqual({ key: 'master.max_retry_count', from: 0, to: 2 });
    const failing = await insertTask(session, db.names, { task_type: 'fails', max_retry_count: null });
    const slow = await insertTask(session, db.names, { task_type: 'slow', max_retry_count: 0 });
    const failed = (id: number) =>
      until(async () => {
        const task = await readTask(session, db.names, id);
        return task?.status === 'failed' && task;
      });
    // On a machine without time for it an attempt may be given back before it begins, which is no retry.
    expect(await failed(failing)).toMatchObject({ retry: 3 });
    expect(await failed(slow)).toMatchObject({ attempt: 1, last_error: expect.stringContaining('0.2 s') });
  });

  test('keeps one number for lock, heartbeat and trust window: its open session gets the fleet’s heartbeat_timeout', async () => {
    const context = testContext(db, { worker: { device_id: 'w' }, master: { heartbeat_timeout: 60 } });
    const role = { deviceType: 'worker' as const, capabilities: {}, slots: 1, contend: false };
    const said: LivenessReport[] = [];
    const sent = vi.spyOn(Session.prototype, 'write');
    const liveness = new Liveness(livenessSettings(context, facts, role), (report) => said.push(report));
    /** Another heartbeat. */
    const beat = (after = said.length) => until(() => said.slice(after).some(({ kind }) => kind === 'settings'));
    const told = () => sent.mock.calls.filter(([sql]) => sql.includes('wait_timeout')).map(([, values]) => values);
    await liveness.start();
    await beat(0);
    for (const milliseconds of [60_000, 2500]) liveness.command({ kind: 'heartbeat-timeout', milliseconds });
    await until(() => told().length > 0);
    liveness.command({ kind: 'heartbeat-timeout', milliseconds: 2500 });
    await beat();
    await liveness.stop();
    await context.close();
    expect(told()).toEqual([[3]]);
  });
});

test('a leader judges by the fleet’s heartbeat_timeout of the moment, in the middle of its term', async () => {
  await insertLeader(session, db.names, 'm', 1);
  await insertDevice(session, db.names, { device_id: 'silent', silent_s: 50 });
  const context = testContext(db, { master: { heartbeat_timeout: 60 } });
  const own = await db.session();
  own.facts.startedAt = '2020-01-01 00:00:00.000';
  const duty = new DutySession(own, db.names, { holder: 'm', term: 1 });
  const check = new HealthCheck({ duty, settings: context.config.master, events: context.events });
  expect((await check.runOnce({ once: true })).dead).toBe(0);
  await write({ 'master.heartbeat_timeout': 20 });
  context.fleet.obey(await stored());
  expect((await check.runOnce({ once: true })).dead).toBe(1);
  await context.close();
});

test('a short command enqueues with the fleet’s max_retry_count', async () => {
  await write({ 'master.max_retry_count': 9 });
  const context = testContext(db, { master: { max_retry_count: 1 } });
  const { task_id } = await addTask(context, { task_type: 'a' });
  expect(await showTask(context, task_id)).toMatchObject({ max_retry_count: 9 });
  await context.close();
});

test('finding S8: workers start, run and go on with settings that are out of their range, whichever key has them', async () => {
  const one = startWorker(db, { handlers: { t: () => 1 }, worker: { leader: true } });
  const warned = (key: string) =>
    one.seen.filter(({ name, data }) => name === 'warning' && JSON.stringify(data).includes(`the fleet-wide ${key} (`))
      .length;
  for (const [n, value] of [1e300, -1, '1e300', null, { a: 1 }].entries()) {
    await write(Object.fromEntries(FLEET_KEYS.map((key) => [key, value])));
    await until(() => FLEET_KEYS.every((key) => warned(key) > n), 20_000, `warnings of ${n}`);
    const id = await insertTask(session, db.names, { task_type: 't' });
    await until(async () => (await readTask(session, db.names, id))?.status === 'done');
  }
  // One that starts among them, too.
  const second = startWorker(db, { deviceId: 'w2', handlers: { t: () => 1 } });
  await once(second.events, 'device:heartbeat');
}, 60_000);
