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
const stored = async () =>
  Object.fromEntries((await readSettings(session, db.names)).map((row) => [row.name, [row.value, row.updated_by]]));

/** Nothing listens there. */
const NOBODY = { host: '127.0.0.1', port: 1 };

describe('the members of the database', () => {
  test('that the fleet names are told to every node that has several', async () => {
    await write({ 'database.hosts': '127.0.0.1:1,127.0.0.1:2' });
    const node = testContext(db, { worker: { device_id: 'n' }, members: [NOBODY] });
    await node.session();
    expect(node.writer?.learn(['127.0.0.1:2'])).toEqual([]);
    // With a heartbeat.
    await write({ 'database.hosts': '127.0.0.1:3' });
    obeyFleet(node, { rows: await readSettings(session, db.names) });
    await node.close();
    expect(node.lines.join('')).toContain('the fleet names more members of its database: 127.0.0.1:3');
  });
});

describe('the first leader', () => {
  test('writes what its file says, all keys of it, and signs it; what is there it obeys', async () => {
    await write({ 'master.task_timeout': 55 });
    const master = { task_timeout: 77, max_retry_count: 8 };
    const context = testContext(db, { master, worker: { device_id: 'm' } });
    const { duties } = await leadOnce(context, facts);
    await context.close();
    expect(duties?.counts.settings).toEqual({ written: FLEET_KEYS.length - 1 });
    const rows = await stored();
    expect(Object.keys(rows)).toEqual([...FLEET_KEYS].sort());
    expect(rows).toMatchObject({ 'master.task_timeout': [55, 'test'], 'master.max_retry_count': [8, 'm'] });
    expect(context.config.master.task_timeout).toBe(55);
  });
});

describe('a worker', () => {
  const handlers = {
    fails: () => {
      throw new Error('no');
    },
    slow: (_task: unknown, ctx: { signal: AbortSignal }) =>
      new Promise<never>((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      }),
  };

  test('starts with the fleet’s values in place of its own', async () => {
    await write({ 'master.max_retry_count': 0 });
    const worker = startWorker(db, { handlers, master: { max_retry_count: 5 } });
    const id = await insertTask(session, db.names, { task_type: 'fails', max_retry_count: null });
    await once(worker.events, 'task:finished');
    expect(await readTask(session, db.names, id)).toMatchObject({ status: 'failed', retry: 1 });
  });

  test('that runs takes over retries, backoff and timeouts without a restart', async () => {
    // It leads too: without a leader it looks for new kinds of tasks every few seconds only.
    const worker = startWorker(db, {
      handlers,
      master: { max_retry_count: 0, task_timeout: 600 },
      worker: { leader: true },
    });
    await until(async () => (await readSettings(session, db.names)).length > 0);
    const changed = once(worker.events, 'settings:changed');
    await write({
      'master.max_retry_count': 2,
      'master.retry_backoff.initial': 0.01,
      'master.retry_backoff.max': 0.01,
      'master.task_timeout': 0.2,
    });
    expect((await changed).changes).toContainEqual({ key: 'master.max_retry_count', from: 0, to: 2 });
    const fails = await insertTask(session, db.names, { task_type: 'fails', max_retry_count: null });
    const slow = await insertTask(session, db.names, { task_type: 'slow', max_retry_count: 0 });
    const ended = async (id: number) => {
      const task = await readTask(session, db.names, id);
      return task?.status === 'failed' && task;
    };
    // On a machine without time for it an attempt may be given back before it begins, which is no retry.
    expect(await until(() => ended(fails))).toMatchObject({ retry: 3 });
    expect(await until(() => ended(slow))).toMatchObject({ attempt: 1, last_error: expect.stringContaining('0.2 s') });
  });

  test('keeps one number for lock, heartbeat and trust window: its open session gets the fleet’s heartbeat_timeout', async () => {
    const context = testContext(db, { worker: { device_id: 'w' }, master: { heartbeat_timeout: 60 } });
    const role = { deviceType: 'worker' as const, capabilities: {}, slots: 1, contend: false };
    const settings = livenessSettings(context, facts, role);
    const said: LivenessReport[] = [];
    const sent = vi.spyOn(Session.prototype, 'write');
    const liveness = new Liveness(settings, (report) => said.push(report));
    await liveness.start();
    await until(() => said.find((report) => report.kind === 'settings'));
    const told = () => sent.mock.calls.filter(([sql]) => sql.includes('wait_timeout')).map(([, values]) => values);
    liveness.command({ kind: 'heartbeat-timeout', milliseconds: 60_000 });
    liveness.command({ kind: 'heartbeat-timeout', milliseconds: 2500 });
    await until(() => told().length > 0);
    liveness.command({ kind: 'heartbeat-timeout', milliseconds: 2500 });
    // Another heartbeat, so that a second statement would have been sent.
    const so = said.length;
    await until(() => said.slice(so).find((report) => report.kind === 'settings'));
    await liveness.stop();
    await liveness.finished;
    await context.close();
    expect(told()).toEqual([[3]]);
  });
});

test('a leader judges by the fleet’s heartbeat_timeout of the moment, in the middle of its term', async () => {
  await insertLeader(session, db.names, 'm', 1);
  await insertDevice(session, db.names, { device_id: 'silent', silent_s: 30 });
  const context = testContext(db, { master: { heartbeat_timeout: 60 } });
  const own = await db.session();
  // A server that has been up for less than the old timeout: nobody would be dead by that.
  const [up] = await session.rows('SELECT UTC_TIMESTAMP(3) - INTERVAL 40 SECOND AS since');
  own.facts.startedAt = String(up?.since);
  const beats = Array.from({ length: 40 }, (_, n) => `('other', UTC_TIMESTAMP(3) - INTERVAL ${n} SECOND)`);
  await session.write(`INSERT INTO ${db.names.heartbeat} (device_id, heartbeat_time) VALUES ${beats}`);
  const duty = new DutySession(own, db.names, { holder: 'm', term: 1 });
  const check = new HealthCheck({ duty, settings: context.config.master, events: context.events });
  expect((await check.runOnce()).dead).toBe(0);
  await write({ 'master.heartbeat_timeout': 20 });
  context.fleet.obey(await readSettings(session, db.names));
  expect((await check.runOnce()).dead).toBe(1);
  await context.close();
});

test('a short command enqueues with the fleet’s max_retry_count', async () => {
  await write({ 'master.max_retry_count': 9 });
  const context = testContext(db, { master: { max_retry_count: 1 } });
  const { task_id } = await addTask(context, { task_type: 'a' });
  expect(await showTask(context, task_id)).toMatchObject({ max_retry_count: 9 });
  await context.close();
});

describe('finding S8: settings that are out of their range', () => {
  const ODD = [1e300, 0, -1, '1e300', 'NaN', 'x'.repeat(60_000), null, { a: 1 }];
  // 0 is in the range of the others.
  const NOT_ZERO = ['master.heartbeat_timeout', 'master.task_timeout', 'load_balancer.strategy'];

  test('workers start, run and go on, whichever key has them', async () => {
    await write(Object.fromEntries(FLEET_KEYS.map((key) => [key, 1e300])));
    const one = startWorker(db, { handlers: { t: async () => ({ ok: 1 }) }, worker: { leader: true } });
    const warned = (key: string) =>
      one.seen.filter(
        ({ name, data }) =>
          name === 'warning' && (data as { message: string }).message.includes(`the fleet-wide ${key} (`),
      ).length;
    for (const [n, value] of ODD.entries()) {
      const keys = value === 0 ? NOT_ZERO : FLEET_KEYS;
      const before = new Map(keys.map((key) => [key, n === 0 ? 0 : warned(key)]));
      await write(Object.fromEntries(keys.map((key) => [key, value])));
      await until(() => keys.every((key) => warned(key) > before.get(key)!), 20_000, `warnings of ${n}`);
      const id = await insertTask(session, db.names, { task_type: 't' });
      await until(async () => (await readTask(session, db.names, id))?.status === 'done');
    }
    // One that starts among them, too.
    const second = startWorker(db, { deviceId: 'w2', handlers: { t: async () => ({ ok: 1 }) } });
    await once(second.events, 'device:heartbeat');
    await second.stop();
    expect((await one.stop()).finished.done).toBeGreaterThan(0);
    for (const key of FLEET_KEYS) expect(warned(key)).toBe(NOT_ZERO.includes(key) ? ODD.length : ODD.length - 1);
  }, 60_000);
});
