import { afterEach, describe, expect } from 'vitest';
import { discoverLanes } from '../../../src/core/db/lanes/discover-lanes.ts';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask, readDevice } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, type TestWorker } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

/** A task that the workers hear of at once, as from a leader. */
const add = async (columns: Record<string, unknown> = {}) => {
  const id = await insertTask(session, db.names, { task_type: 't', ...columns });
  await publishLanes(session, db.names, await discoverLanes(session, db.names));
  return id;
};
const directedAt = (deviceId: string) => ({ status: 'assigned', target_device_id: deviceId });
const status = async (id: number) =>
  (await session.rows(`SELECT status FROM ${db.names.task} WHERE id = ?`, [id]))[0]?.status;
const claimsOf = async (deviceId: string) =>
  (await session.rows(`SELECT id FROM ${db.names.assignment} WHERE device_id = ?`, [deviceId])).length;
/** `ticks` ticks later, in which the worker saw what is due. */
const heartbeats = async (worker: TestWorker, n: number) => {
  for (let at = 0; at < n; at += 1) await once(worker.events, 'device:heartbeat');
};
/** Every machine uses more than this. */
const CLOSED = { resource_limits: { memory_usage: 0.01, interval: 0.05 } };
const WIDE = { resource_limits: { cpu_usage: 100, memory_usage: 100, disk_usage: 100, interval: 0.05 } };

describe('a device over one of its resource limits', () => {
  it('claims nothing, says so once, shows it in its row; another device runs the task', async () => {
    const held = startWorker(db, { deviceId: 'held', handlers: { t: () => 1 }, worker: CLOSED });
    const { reasons } = await once(held.events, 'device:over-limits');
    expect(reasons).toEqual([expect.stringMatching(/^memory is at [\d.]+ %, over its limit of 0.01 %$/)]);
    const id = await add();
    await heartbeats(held, 5);
    expect(await status(id)).toBe('pending');
    expect(JSON.parse(String((await readDevice(session, db.names, 'held'))?.over_limits))).toEqual([
      expect.stringContaining('memory'),
    ]);
    expect(held.seen.filter((one) => one.name === 'device:over-limits')).toHaveLength(1);
    startWorker(db, { deviceId: 'free', handlers: { t: () => 1 }, worker: WIDE });
    await until(async () => (await status(id)) === 'done', 10_000, 'done by the other');
    expect(await claimsOf('held')).toBe(0);
    await held.stop();
    expect((await readDevice(session, db.names, 'held'))?.over_limits).toBeNull();
  });

  it('does not take a task that is directed at it either: a resource limit protects the machine', async () => {
    const id = await add(directedAt('held'));
    const held = startWorker(db, { deviceId: 'held', handlers: { t: () => 1 }, worker: CLOSED });
    await once(held.events, 'device:over-limits');
    await heartbeats(held, 5);
    expect(await status(id)).toBe('assigned');
    const free = startWorker(db, { deviceId: 'free', handlers: { t: () => 1 } });
    await once(free.events, 'worker:started');
    await heartbeats(free, 2);
    expect(await status(id)).toBe('assigned');
  });

  it.each(['once', 'drain'] as const)('ends a run of --%s at once, with the reason', async (mode) => {
    const id = await add();
    const held = startWorker(db, { deviceId: 'held', mode, handlers: { t: () => 1 }, worker: CLOSED });
    expect(await held.ended).toMatchObject({
      overLimits: true,
      reason: expect.stringMatching(/^memory is at .* over its/),
    });
    expect(await status(id)).toBe('pending');
  });
});

describe('a device below its resource limits', () => {
  it.each(['forever', 'once', 'drain'] as const)('claims as if it had none (%s), and says nothing', async (mode) => {
    const id = await add();
    const worker = startWorker(db, { mode, handlers: { t: () => 1 }, worker: WIDE });
    await until(async () => (await status(id)) === 'done', 10_000, 'done');
    if (mode !== 'forever') expect(await worker.ended).toMatchObject({ overLimits: false, finished: { done: 1 } });
    expect(worker.seen.filter((one) => one.name === 'device:over-limits')).toEqual([]);
  });

  it('tells how many tasks it claimed lately', async () => {
    for (let n = 0; n < 3; n += 1) await add();
    startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 } });
    await until(
      async () => (await readDevice(session, db.names, 'w1'))?.recent_claims === 3,
      10_000,
      'three recent claims',
    );
  });
});

describe('a task that is directed at a device that cannot run it', () => {
  it('stays directed there, and keeps no other from being run', async () => {
    const unable = [
      await add({ task_type: 'other', ...directedAt('w1') }),
      await add({ required_capabilities: '{"browser": true}', ...directedAt('w1') }),
    ];
    const worker = startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 } });
    await once(worker.events, 'worker:started');
    await heartbeats(worker, 2);
    const able = await add(directedAt('w1'));
    await until(async () => (await status(able)) === 'done', 10_000, 'the one that it can run');
    await heartbeats(worker, 2);
    for (const id of unable) expect(await status(id)).toBe('assigned');
    expect(await claimsOf('w1')).toBe(1);
  });
});

describe('a device below load_balancer.min_score', () => {
  /** The whole fleet agrees on it; the weights leave the success rate alone to decide. */
  const agree = async () => {
    const values = {
      'load_balancer.strategy': '"weighted"',
      'load_balancer.min_score': '0.5',
      'load_balancer.weights.load_factor': '0',
      'load_balancer.weights.capability_match': '0',
      'load_balancer.weights.success_rate': '1',
      'load_balancer.weights.response_time': '0',
    };
    for (const [name, value] of Object.entries(values))
      await session.write(`INSERT INTO ${db.names.setting} (name, value) VALUES (?, ?)`, [name, value]);
  };
  /** Nobody overwrites the rate: there is no leader here. */
  const rate = async (deviceId: string, rate: number) => {
    const sql = `UPDATE ${db.names.device} SET success_rate = ? WHERE device_id = ?`;
    expect(await session.write(sql, [rate, deviceId])).toMatchObject({ affectedRows: 1 });
  };
  const started = (worker: TestWorker) => once(worker.events, 'worker:started');

  it('claims nothing while a better one is online, even a full one; then it does', async () => {
    await agree();
    const running: Array<() => void> = [];
    const finish = async () => (await until(() => running.shift(), 10_000, 'a handler that runs'))();
    const good = startWorker(db, {
      deviceId: 'good',
      handlers: { t: () => new Promise<void>((done) => running.push(done)) },
      worker: { max_concurrent_tasks: 1 },
    });
    const bad = startWorker(db, { deviceId: 'bad', handlers: { t: () => 1 } });
    await Promise.all([started(good), started(bad)]);
    await rate('good', 0.9);
    await rate('bad', 0.2);
    await heartbeats(bad, 2);
    const [first, second] = [await add(), await add()];
    await until(async () => (await claimsOf('good')) === 1, 10_000, 'claimed by the good one');
    await heartbeats(bad, 4);
    expect(await claimsOf('bad')).toBe(0);
    await finish();
    await until(async () => (await claimsOf('good')) === 2, 10_000, 'the second by the good one');
    await finish();
    await until(async () => (await status(first)) === 'done' && (await status(second)) === 'done', 10_000, 'done');
    await good.stop();
    const third = await add();
    await until(async () => (await status(third)) === 'done', 10_000, 'done by the bad one');
    expect(await claimsOf('bad')).toBe(1);
  });

  it('takes what is directed at it all the same', async () => {
    await agree();
    const good = startWorker(db, { deviceId: 'good', handlers: { t: () => 1 } });
    const bad = startWorker(db, { deviceId: 'bad', handlers: { t: () => 1 } });
    await Promise.all([started(good), started(bad)]);
    await rate('bad', 0.2);
    await heartbeats(bad, 2);
    const id = await add(directedAt('bad'));
    await until(async () => (await status(id)) === 'done', 10_000, 'done');
    expect(await claimsOf('bad')).toBe(1);
  });
});
