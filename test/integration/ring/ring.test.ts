// Rings between a producer and workers of this process, on a real server. Polling is slowed down to an hour wherever a test
// is about rings, so that what starts was rung for; and the reverse where it is about polling.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import type { Context } from '../../../src/core/context/context.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { laneKey } from '../../../src/core/domain/lane.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Watcher } from '../../../src/core/leader/watcher.ts';
import { addTask, reassignTask, retryTasks } from '../../../src/core/tasks/tasks.ts';
import { actor } from '../../helpers/actor.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice, insertLeader, insertRunning, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, type TestWorker, type TestWorkerOptions } from '../../helpers/node.ts';
import { EAR_TOKEN, type Ear, ear, producing } from '../../helpers/ring.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let producer: Context;
const closing: Array<{ close(): unknown }> = [];

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  producer = producing(db);
});
afterEach(async () => {
  await producer.close();
  await stopWorkers();
  for (const one of closing.splice(0)) await one.close();
});

const HOUR = 3600;
const LANE = { lane: laneKey('t', null) };
const task = (columns = {}) => insertTask(session, db.names, { task_type: 't', ...columns });

/** A worker that has made its first poll, and makes no other by itself. */
async function rungWorker(
  deviceId: string,
  worker: TestWorkerOptions['worker'] = {},
  options: TestWorkerOptions = {},
): Promise<TestWorker> {
  let polls = 0;
  const started = startWorker(db, {
    deviceId,
    handlers: { t: () => {} },
    ...options,
    worker: { tick_interval: HOUR, task_poll_interval: HOUR, ...worker },
    onSession: (opened) => {
      const rows = opened.rows.bind(opened);
      opened.rows = async (sql, values) => {
        const found = await rows(sql, values);
        if (sql.includes('afd_target')) polls += 1;
        return found as never;
      };
    },
  });
  await until(() => polls > 0, 20_000, `the first poll of ${deviceId}`);
  return started;
}

async function device(id: string) {
  const [row] = await session.rows(
    `SELECT ip_address, port, ring_token AS token FROM ${db.names.device} WHERE device_id = ?`,
    [id],
  );
  return row!;
}

/** A device that is nothing but its row, and a port. */
async function impostor(device_id: string, { port }: { port: number }, columns: object = {}): Promise<void> {
  const capabilities = '{"supported_tasks":["t"]}';
  const row = { port, ring_token: EAR_TOKEN, capabilities, max_concurrent_tasks: 10, ...columns };
  await insertDevice(session, db.names, { device_id, columns: row });
}

/** Some of its slots look taken, so that every idle device is better. */
async function occupy(device_id: string, slots = 1): Promise<void> {
  for (let n = 0; n < slots; n += 1) await insertRunning(session, db.names, device_id, { task_type: 'other' });
}

async function listen(...args: Parameters<typeof ear>): Promise<Ear> {
  const one = await ear(...args);
  closing.push(one);
  return one;
}

/** Every device here answers, however busy the machine is. */
async function patient() {
  const made = await producer.producer();
  made.notifier.ringSender.answerMs = 5000;
  return made;
}

async function runner(id: number) {
  const sql = `SELECT device_id FROM ${db.names.assignment} WHERE task_id = ?`;
  return until(async () => (await session.rows(sql, [id]))[0]?.device_id, 10_000, `an attempt of task ${id}`);
}
const added = async (more = {}) => runner((await addTask(producer, { task_type: 't', ...more })).task_id);

describe('a worker that never polls', () => {
  it('starts a task that is added, by its ring, also one of a lane and rank that it has never seen', async () => {
    await rungWorker('w1', { capabilities: { browser: true } });
    const { ip_address, port, token } = await device('w1');
    expect(ip_address).toBe(session.facts.localAddress ?? '127.0.0.1');
    expect(port).toBeGreaterThan(1023);
    expect(token).toHaveLength(16);
    expect(await added()).toBe('w1');
    expect(await added({ required_capabilities: { browser: true, a: null }, priority: 9 })).toBe('w1');
  });

  it('publishes the configured address, also if this machine does not have it: that of the host of a container', async () => {
    await rungWorker('w1', { ring: { host: '192.0.2.1' } });
    const { ip_address, port, token } = await device('w1');
    expect(ip_address).toBe('192.0.2.1');
    const mine = await listen();
    const sequence = await mine.ring({ lane: laneKey('x', null) }, token, port);
    expect(await mine.next('answer')).toMatchObject({ claimed: 0, sequence });
  });

  it('says so when its port is taken, publishes none, and works', async () => {
    const { port } = await listen();
    const worker = await rungWorker('w1', { tick_interval: 0.05, ring: { host: '127.0.0.1', port } });
    expect(await device('w1')).toMatchObject({ port: 0, token: null });
    const warnings = worker.seen.filter((one) => one.name === 'warning').map((one) => JSON.stringify(one.data));
    expect(warnings.join()).toMatch(/port for rings could not be opened .*EADDRINUSE/);
    expect(await runner(await task())).toBe('w1');
  });

  it('hears nobody who does not know its token', async () => {
    await rungWorker('w1');
    const { port, token } = await device('w1');
    const id = await task();
    const mine = await listen();
    void mine.ring(LANE, randomBytes(16), port);
    // Datagrams on loopback keep their order: after the answer to this one, the other has been read.
    const sequence = await mine.ring({ lane: laneKey('nothing', null) }, token, port);
    await mine.next('answer');
    expect(mine.heard.map((one) => one.sequence)).toEqual([sequence, sequence]);
    const [row] = await session.rows(`SELECT status FROM ${db.names.task} WHERE id = ${id}`);
    expect(row).toEqual({ status: 'pending' });
  });

  it('starts what is retried, and what is directed at it', async () => {
    await rungWorker('w1');
    const failed = await task({ status: 'failed' });
    await retryTasks(producer, [failed], { force: false, by: actor() });
    expect(await runner(failed)).toBe('w1');
    await impostor('w2', { port: 0 });
    const directed = await task({ status: 'assigned', target_device_id: 'w2' });
    await reassignTask(producer, directed, { to: 'w1', force: false, by: actor() });
    expect(await runner(directed)).toBe('w1');
  });

  it('rings for what its handlers enqueue after the commit, not before it', async () => {
    const rows: unknown[] = [];
    // Better than the worker itself: it has nothing to do and many slots, so it is rung for the child.
    const other = await listen((ring) => {
      void session.rows(`SELECT status FROM ${db.names.task} WHERE task_type = 't'`).then((found) => rows.push(found));
      return { claimed: ring.n, running: 0, free: 100 };
    });
    await rungWorker('w1', {}, { handlers: { parent: (_, ctx) => ctx.enqueue({ task_type: 't' }) } });
    await impostor('w2', other, { max_concurrent_tasks: 100 });
    await addTask(producer, { task_type: 'parent' });
    expect(await other.next('ring')).toMatchObject({ ...LANE, claim_rank: 5, hops: 0 });
    await until(() => rows.length > 0);
    // Seen by another session at the moment of the ring: the child is in.
    expect(rows[0]).toEqual([{ status: 'pending' }]);
  });
});

describe('nothing is lost when a ring is', () => {
  it('a device whose type is at its maximum says so at once, and when it is not any more: the next one is rung', async () => {
    let end = () => {};
    const configured = { t: { module: './of-the-test.ts', max: 1 } };
    const handlers = { t: () => new Promise<void>((resolve) => (end = resolve)) };
    const first = await rungWorker('w1', { max_concurrent_tasks: 20 }, { handlers, configured });
    const started = once(first.events, 'task:started');
    // By a sender of its own, while w1 is alone: one that is slow to answer is passed over.
    const earlier = producing(db);
    await addTask(earlier, { task_type: 't' });
    await started;
    await earlier.close();
    await rungWorker('w2', { max_concurrent_tasks: 2 });
    await occupy('w2');
    const { port, token } = await device('w1');
    const mine = await listen();
    await mine.ring(LANE, token, port);
    // Its slots are free for other types.
    expect(await mine.next('answer')).toMatchObject({ claimed: 0, running: 1, free: 19 });
    expect(await added()).toBe('w2');
    end();
    expect(await mine.next('state')).toMatchObject({ running: 0, free: 20 });
  });

  it('rings are not enabled, and there is neither port nor token: a poll takes the task', async () => {
    await rungWorker('w1', { ring: { enabled: false }, tick_interval: 0.05, task_poll_interval: 0.05 });
    expect(await device('w1')).toMatchObject({ port: 0, token: null });
    expect(await added()).toBe('w1');
  });
});

describe('a sender', () => {
  it('rings nobody for a task that is due later, or was there before', async () => {
    await patient();
    const one = await listen((ring) => ({ claimed: ring.n, running: 0, free: 1 }));
    await impostor('a', one);
    const key = { task_type: 't', dedupe_key: 'k' };
    await addTask(producer, key);
    await addTask(producer, key);
    await addTask(producer, { task_type: 't', run_at: '2037-01-01T00:00:00.000Z' });
    await producer.close();
    expect(one.heard).toHaveLength(1);
  });

  /** Whom the producer rings for `n` tasks, and for how many each. Devices: columns, and how many tasks each runs. */
  async function rungFor(n: number, devices: Record<string, [object, number]>) {
    const ears = new Map<string, Ear>();
    for (const [id, [columns, running]] of Object.entries(devices)) {
      const one = await listen((ring) => ({ claimed: ring.n, running, free: 50 }));
      ears.set(id, one);
      await impostor(id, one, columns);
      await occupy(id, running);
    }
    await (await patient()).enqueue(Array.from({ length: n }, () => ({ task_type: 't' })));
    await producer.close();
    const heard = [...ears].map(([id, one]) => [id, one.heard.map((ring) => ring.kind === 'ring' && ring.n)] as const);
    return Object.fromEntries(heard.filter(([, rings]) => rings.length > 0));
  }

  it('rings only a device that may run it, is active, online, within its limits and has a port', async () => {
    const rung = await rungFor(1, {
      'other-type': [{ capabilities: '{"supported_tasks":["x"]}' }, 0],
      paused: [{ operator_state: 'paused' }, 0],
      offline: [{ status: 'offline' }, 0],
      portless: [{ port: 0 }, 0],
      'over-limits': [{ over_limits: '["memory is at 97 %, over its limit of 90 %"]' }, 0],
      busy: [{}, 9],
    });
    expect(Object.keys(rung)).toEqual(['busy']);
  });

  it('goes by the strategy of the fleet: with weighted, success and speed outweigh some load', async () => {
    await session.write(
      `INSERT INTO ${db.names.setting} (name, value) VALUES ('load_balancer.strategy', '"weighted"')`,
    );
    const good = { success_rate: 1, avg_duration_ms: 100 };
    const poor = { success_rate: 0.3, avg_duration_ms: 900 };
    expect(Object.keys(await rungFor(1, { good: [good, 3], poor: [poor, 0] }))).toEqual(['good']);
  });

  it('plans a bulk: the emptier gets more', async () => {
    expect(await rungFor(8, { busy: [{}, 4], idle: [{}, 0] })).toEqual({ busy: [2], idle: [6] });
  });
});

describe('forwarding', () => {
  it('spreads what one ring was for over all devices', async () => {
    const finish: Array<() => void> = [];
    const handlers = { t: () => new Promise<void>((resolve) => finish.push(resolve)) };
    const ids = ['w1', 'w2', 'w3'];
    for (const id of ids) await rungWorker(id, { max_concurrent_tasks: 2 }, { handlers });
    for (let n = 0; n < 6; n += 1) await task();
    const { port, token } = await device('w2');
    const mine = await listen();
    await mine.ring({ ...LANE, n: 6 }, token, port);
    await until(async () => {
      const held = await session.rows(`SELECT device_id FROM ${db.names.assignment}`);
      return ids.every((id) => held.filter((one) => one.device_id === id).length === 2);
    });
    for (const open of finish) open();
  });

  it('ends after four hops', async () => {
    const next = await listen((ring) => ({ claimed: ring.n, running: 0, free: 5 }));
    let begun = 0;
    const handler = () => {
      begun += 1;
      return new Promise<void>(() => {});
    };
    const one = { max_concurrent_tasks: 1, shutdown_timeout: 0, kill_grace: 0.05 };
    await rungWorker('w1', one, { handlers: { t: handler } });
    await impostor('next', next);
    for (let n = 0; n < 2; n += 1) await task();
    const { port, token } = await device('w1');
    const mine = await listen();
    await mine.ring({ ...LANE, n: 2, hops: 4 }, token, port);
    // Not its answer: that one does not wait for a slow claim.
    await until(() => begun > 0);
    // Full: whatever rings now is not passed on either, so what follows this answer is all there is.
    await mine.ring({ ...LANE, n: 2 }, token, port);
    await until(() => mine.heard.some((got) => got.kind === 'answer' && got.free === 0));
    expect(next.bytes).toHaveLength(0);
  });
});

describe('the watcher', () => {
  async function watching() {
    await insertLeader(session, db.names, 'leader', 3);
    const duty = new DutySession(await db.session(), db.names, { holder: 'leader', term: 3 });
    const watcher = new Watcher({ duty, config: producer.config, heads: () => [] });
    closing.push(watcher);
    return async () => (await watcher.runOnce()).rung;
  }

  it('finds what a program inserts that does not know afd, and what becomes due, and not before', async () => {
    await rungWorker('w1');
    const rung = await watching();
    expect(await rung()).toBe(0);
    // Due later from its first moment on: a worker that looks round after its start could claim it otherwise.
    const id = await task({ next_run_at: '2037-01-01' });
    expect(await rung()).toBe(0);
    await session.write(`UPDATE ${db.names.task} SET next_run_at = NOW(3) - INTERVAL 1 SECOND WHERE id = ?`, [id]);
    expect(await rung()).toBe(1);
    expect(await runner(id)).toBe('w1');
  });

  it('rings for no device without a free slot, and not at once again for what nobody claims', async () => {
    await impostor('full', await listen(), { max_concurrent_tasks: 1 });
    await occupy('full');
    await task();
    expect(await (await watching())()).toBe(0);
    const idle = await listen(() => ({ claimed: 0, running: 0, free: 5 }));
    await impostor('idle', idle);
    const rung = await watching();
    expect([await rung(), await rung()]).toEqual([1, 0]);
    await idle.next('ring');
  });
});
