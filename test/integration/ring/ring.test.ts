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
import { insertAttempt, insertDevice, insertLeader, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, type TestWorker, type TestWorkerOptions } from '../../helpers/node.ts';
import { EAR_TOKEN, type Ear, ear, producing } from '../../helpers/ring.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let producer: Context;
const ears: Ear[] = [];
const watchers: Watcher[] = [];

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  producer = producing(db);
});
afterEach(async () => {
  await producer.close();
  await stopWorkers();
  await Promise.all(watchers.splice(0).map((one) => one.close()));
  for (const one of ears.splice(0)) one.close();
});

const HOUR = 3600;
/** Finds nothing by itself after its start. */
const NEVER_POLLS = { tick_interval: HOUR, task_poll_interval: HOUR };

/** A worker that has made its first poll, and makes no other by itself. */
async function rungWorker(deviceId: string, options: TestWorkerOptions = {}): Promise<TestWorker> {
  let polls = 0;
  const worker = startWorker(db, {
    deviceId,
    handlers: { t: () => {} },
    ...options,
    worker: { ...NEVER_POLLS, ...options.worker },
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
  return worker;
}

async function device(id: string) {
  const [row] = await session.rows(`SELECT ip_address, port, ring_token FROM ${db.names.device} WHERE device_id = ?`, [
    id,
  ]);
  return row!;
}

/** A device that is nothing but its row, and a port. */
async function impostor(id: string, port: number, columns: Record<string, unknown> = {}): Promise<Buffer> {
  const ring_token = EAR_TOKEN;
  const capabilities = JSON.stringify({ supported_tasks: ['t'] });
  await insertDevice(session, db.names, { device_id: id, columns: { port, ring_token, capabilities, ...columns } });
  return ring_token;
}

/** One of its slots looks taken, so that every idle device is better. */
async function occupy(device_id: string): Promise<void> {
  const row = { device_id, instance_token: randomBytes(16), lock_name: '' };
  await insertAttempt(session, db.names, { device: row, task: { task_type: 'other' } });
}

async function listen(...args: Parameters<typeof ear>): Promise<Ear> {
  const one = await ear(...args);
  ears.push(one);
  return one;
}

const status = async (id: number) =>
  (await session.rows(`SELECT status FROM ${db.names.task} WHERE id = ?`, [id]))[0]!.status as string;
const runner = (id: number) =>
  until(
    async () =>
      (await session.rows(`SELECT device_id FROM ${db.names.assignment} WHERE task_id = ?`, [id]))[0]?.device_id,
    10_000,
    `an attempt of task ${id}`,
  );

/** A worker whose only slot is taken until `free` is called. */
async function fullWorker() {
  let end = () => {};
  const worker = await rungWorker('w1', {
    handlers: { t: () => new Promise<void>((resolve) => (end = resolve)) },
    worker: { ...NEVER_POLLS, max_concurrent_tasks: 1 },
  });
  const started = once(worker.events, 'task:started');
  await addTask(producer, { task_type: 't' });
  await started;
  const { port, ring_token: token } = await device('w1');
  return { free: () => end(), port, token };
}

describe('a worker that never polls', () => {
  it('starts a task that is added, by its ring, also one of a lane and rank that it has never seen', async () => {
    await rungWorker('w1', { worker: { ...NEVER_POLLS, capabilities: { browser: true } } });
    const { ip_address, port, ring_token } = await device('w1');
    expect(ip_address).toBe(session.facts.localAddress ?? '127.0.0.1');
    expect(port).toBeGreaterThan(1023);
    expect(ring_token).toHaveLength(16);
    expect(await runner((await addTask(producer, { task_type: 't' })).task_id)).toBe('w1');
    const task = { task_type: 't', required_capabilities: { browser: true, a: null }, priority: 9 };
    expect(await runner((await addTask(producer, task)).task_id)).toBe('w1');
  });

  it('publishes the configured address, also if this machine does not have it: that of the host of a container', async () => {
    await rungWorker('w1', { worker: { ...NEVER_POLLS, ring: { host: '192.0.2.1' } } });
    const { ip_address, port, ring_token: token } = await device('w1');
    expect(ip_address).toBe('192.0.2.1');
    const mine = await listen();
    const sequence = await mine.ring({ lane: laneKey('x', null) }, token, port);
    expect(await mine.next('answer')).toMatchObject({ claimed: 0, sequence });
  });

  it('says so when its port is taken, publishes none, and works', async () => {
    const taken = await listen();
    const worker = await rungWorker('w1', {
      worker: { tick_interval: 0.05, ring: { host: '127.0.0.1', port: taken.port } },
    });
    expect(await device('w1')).toMatchObject({ port: 0, ring_token: null });
    const warnings = worker.seen.filter((one) => one.name === 'warning').map((one) => JSON.stringify(one.data));
    expect(warnings.join()).toMatch(/port for rings could not be opened .*EADDRINUSE/);
    const id = await insertTask(session, db.names, { task_type: 't' });
    expect(await runner(id)).toBe('w1');
  });

  it('hears nobody who does not know its token', async () => {
    await rungWorker('w1');
    const { port, ring_token: token } = await device('w1');
    const id = await insertTask(session, db.names, { task_type: 't' });
    const mine = await listen();
    void mine.ring({ lane: laneKey('t', null) }, randomBytes(16), port);
    mine.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'), port);
    // Datagrams on loopback keep their order: after the answer to this one, the others have been read.
    const sequence = await mine.ring({ lane: laneKey('nothing', null) }, token, port);
    expect((await mine.next('answer')).sequence).toEqual(sequence);
    expect(mine.heard.map((one) => one.sequence)).toEqual([sequence, sequence]);
    expect(mine.bytes).toHaveLength(2);
    expect(await status(id)).toBe('pending');
  });

  it('that is full says so at once, and tells who rang when a slot is free again, but not who forwarded', async () => {
    const { free, port, token } = await fullWorker();
    const [forwarder, mine] = [await listen(), await listen()];
    await forwarder.ring({ lane: laneKey('t', null), hops: 1 }, token, port);
    expect(await forwarder.next('answer')).toMatchObject({ claimed: 0, running: 1, free: 0 });
    const sequence = await mine.ring({ lane: laneKey('t', null) }, token, port);
    expect(await mine.next('answer')).toMatchObject({ claimed: 0, running: 1, free: 0 });
    free();
    // The older sender would have been informed first.
    expect(await mine.next('state')).toMatchObject({ sequence, running: 0, free: 1 });
    expect(forwarder.heard.map((one) => one.kind)).toEqual(['challenge', 'answer']);
  });

  it('starts what is retried, and what is directed at it', async () => {
    await rungWorker('w1');
    const failed = await insertTask(session, db.names, { task_type: 't', status: 'failed' });
    await retryTasks(producer, [failed], { force: false, by: actor() });
    expect(await runner(failed)).toBe('w1');
    await impostor('w2', 0);
    const columns = { task_type: 't', status: 'assigned', target_device_id: 'w2' };
    const directed = await insertTask(session, db.names, columns);
    await reassignTask(producer, directed, { to: 'w1', force: false, by: actor() });
    expect(await runner(directed)).toBe('w1');
  });

  it('rings for what its handlers enqueue after the commit, not before it', async () => {
    const rows: unknown[] = [];
    // Better than the worker itself: it has nothing to do and many slots, so it is rung for the child.
    const other = await listen((ring) => {
      void session
        .rows(`SELECT status FROM ${db.names.task} WHERE task_type = 't' ORDER BY id`)
        .then((found) => rows.push(found.map((one) => one.status)));
      return { claimed: ring.n, running: 0, free: 100 };
    });
    await rungWorker('w1', {
      handlers: { parent: (_, ctx) => ctx.enqueue({ task_type: 't' }) },
    });
    await impostor('w2', other.port, { max_concurrent_tasks: 100 });
    await addTask(producer, { task_type: 'parent' });
    const ring = await other.next('ring');
    expect(ring).toMatchObject({ lane: laneKey('t', null), claim_rank: 5, hops: 0 });
    await until(() => rows.length > 0);
    // Seen by another session at the moment of the ring: the child is in.
    expect(rows[0]).toEqual(['pending']);
  });
});

describe('nothing is lost when a ring is', () => {
  it('a deaf device: the next one is rung, and the task starts there', async () => {
    const deaf = await listen();
    deaf.close();
    await impostor('deaf', deaf.port);
    await rungWorker('w1');
    await occupy('w1');
    const { task_id } = await addTask(producer, { task_type: 't' });
    expect(await runner(task_id)).toBe('w1');
  });

  it('a device whose type is at its maximum says so at once: the next one is rung', async () => {
    let end = () => {};
    const first = await rungWorker('w1', {
      handlers: { t: () => new Promise<void>((resolve) => (end = resolve)) },
      configured: { t: { module: './of-the-test.ts', max: 1 } },
      worker: { ...NEVER_POLLS, max_concurrent_tasks: 20 },
    });
    const started = once(first.events, 'task:started');
    // By a sender of its own, while w1 is alone: one that is slow to answer is passed over.
    const earlier = producing(db);
    await addTask(earlier, { task_type: 't' });
    await started;
    await earlier.close();
    await rungWorker('w2', { worker: { ...NEVER_POLLS, max_concurrent_tasks: 2 } });
    await occupy('w2');
    const { port, ring_token: token } = await device('w1');
    const mine = await listen();
    await mine.ring({ lane: laneKey('t', null) }, token, port);
    // Its slots are free for other types.
    expect(await mine.next('answer')).toMatchObject({ claimed: 0, running: 1, free: 19 });
    const { task_id } = await addTask(producer, { task_type: 't' });
    expect(await runner(task_id)).toBe('w2');
    end();
  });

  it.for([
    ['nobody hears it', true],
    ['rings are not enabled, and there is neither port nor token', false],
  ] as const)('%s: a poll takes the task', async ([, enabled]) => {
    const worker = { ring: { enabled }, tick_interval: 0.05, task_poll_interval: 0.05 };
    const { events } = startWorker(db, { deviceId: 'w1', handlers: { t: () => {} }, worker });
    await once(events, 'worker:started');
    if (enabled) await session.write(`UPDATE ${db.names.device} SET ring_token = ?`, [randomBytes(16)]);
    else expect(await device('w1')).toMatchObject({ port: 0, ring_token: null });
    const { task_id } = await addTask(producer, { task_type: 't' });
    expect(await runner(task_id)).toBe('w1');
  });
});

it('a sender rings nobody for a task that is due later, or was there before', async () => {
  // Every device here answers, however busy the machine is.
  (await producer.producer()).notifier.ringSender.answerMs = 5000;
  const one = await listen((ring) => ({ claimed: ring.n, running: 0, free: 1 }));
  await impostor('a', one.port);
  const key = { task_type: 't', dedupe_key: 'k' };
  await addTask(producer, key);
  await addTask(producer, key);
  await addTask(producer, { task_type: 't', run_at: '2037-01-01T00:00:00.000Z' });
  await producer.close();
  expect(one.heard).toHaveLength(1);
});

describe('forwarding', () => {
  it('spreads what one ring was for over all devices', async () => {
    const finish: Array<() => void> = [];
    const handlers = { t: () => new Promise<void>((resolve) => finish.push(resolve)) };
    const ids = ['w1', 'w2', 'w3'];
    for (const id of ids) await rungWorker(id, { handlers, worker: { ...NEVER_POLLS, max_concurrent_tasks: 2 } });
    for (let n = 0; n < 6; n += 1) await insertTask(session, db.names, { task_type: 't' });
    const { port, ring_token: token } = await device('w2');
    const mine = await listen();
    await mine.ring({ lane: laneKey('t', null), n: 6 }, token, port);
    const held = await until(async () => {
      const rows = await session.rows(
        `SELECT device_id, COUNT(*) AS n FROM ${db.names.assignment} GROUP BY device_id ORDER BY device_id`,
      );
      return rows.length === 3 && rows.every((one) => Number(one.n) === 2) && rows;
    });
    expect(held.map((one) => one.device_id)).toEqual(ids);
    for (const open of finish) open();
  });

  it('ends after four hops', async () => {
    const next = await listen((ring) => ({ claimed: ring.n, running: 0, free: 5 }));
    let begun = 0;
    const handler = () => {
      begun += 1;
      return new Promise<void>(() => {});
    };
    await rungWorker('w1', {
      handlers: { t: handler },
      worker: { ...NEVER_POLLS, max_concurrent_tasks: 1, shutdown_timeout: 0, kill_grace: 0.05 },
    });
    await impostor('next', next.port);
    for (let n = 0; n < 2; n += 1) await insertTask(session, db.names, { task_type: 't' });
    const { port, ring_token: token } = await device('w1');
    const mine = await listen();
    const ask = { lane: laneKey('t', null), n: 2 };
    await mine.ring({ ...ask, hops: 4 }, token, port);
    // Not its answer: that one does not wait for a slow claim.
    await until(() => begun > 0);
    // Full: whatever rings now is not passed on either, so what follows this answer is all there is.
    await mine.ring(ask, token, port);
    await until(() => mine.heard.some((one) => one.kind === 'answer' && one.free === 0));
    expect(next.bytes).toHaveLength(0);
  });
});

describe('the watcher', () => {
  const LEADER = { holder: 'leader', term: 3 };
  async function watching() {
    await insertLeader(session, db.names, LEADER.holder, LEADER.term);
    const own = await db.session();
    const rows = own.rows.bind(own);
    const statements: string[] = [];
    own.rows = (sql, values) => {
      statements.push(sql);
      return rows(sql, values) as never;
    };
    const duty = new DutySession(own, db.names, LEADER);
    const watcher = new Watcher({ duty, config: producer.config, heads: () => [] });
    watchers.push(watcher);
    return { watcher, statements };
  }

  it('finds what a program inserts that does not know afd, and what becomes due, and not before', async () => {
    await rungWorker('w1');
    const { watcher } = await watching();
    expect(await watcher.runOnce()).toEqual({ rung: 0 });
    // Due later from its first moment on: a worker that looks round after its start could claim it otherwise.
    const id = await insertTask(session, db.names, { task_type: 't', next_run_at: '2037-01-01' });
    expect(await watcher.runOnce()).toEqual({ rung: 0 });
    await session.write(`UPDATE ${db.names.task} SET next_run_at = NOW(3) - INTERVAL 1 SECOND WHERE id = ?`, [id]);
    expect(await watcher.runOnce()).toEqual({ rung: 1 });
    expect(await runner(id)).toBe('w1');
  });

  it('asks nothing about tasks while no device has a free slot', async () => {
    await impostor('full', (await listen()).port, { max_concurrent_tasks: 1 });
    await occupy('full');
    const { watcher, statements } = await watching();
    await insertTask(session, db.names, { task_type: 't' });
    expect(await watcher.runOnce()).toEqual({ rung: 0 });
    expect(statements.filter((sql) => sql.includes('afd_claim'))).toEqual([]);
  });

  it('does not ring at once again for what nobody claims', async () => {
    const idle = await listen(() => ({ claimed: 0, running: 0, free: 5 }));
    await impostor('idle', idle.port);
    const { watcher } = await watching();
    await insertTask(session, db.names, { task_type: 't' });
    expect(await watcher.runOnce()).toEqual({ rung: 1 });
    expect(await watcher.runOnce()).toEqual({ rung: 0 });
    await idle.next('ring');
  });
});
