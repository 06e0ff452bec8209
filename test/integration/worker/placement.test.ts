import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertTask, readDevice } from '../../helpers/factories.ts';
import { startWorker, stopWorkers, type TestWorker } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

beforeEach(async () => {
  db = await testDatabase();
  session = await db.session();
});
afterEach(async () => {
  await stopWorkers();
  await db.close();
});

const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, { task_type: 't', ...columns });
const status = async (id: number) =>
  (await session.rows(`SELECT status FROM ${db.names.task} WHERE id = ?`, [id]))[0]?.status;
const claimsOf = async (deviceId: string) =>
  (await session.rows(`SELECT id FROM ${db.names.assignment} WHERE device_id = ?`, [deviceId])).length;
/** So many ticks later, in which the worker saw what is due. */
const heartbeats = async (worker: TestWorker, n: number) => {
  for (let at = 0; at < n; at += 1) await once(worker.events, 'device:heartbeat');
};
/** Every machine uses more than this. */
const CLOSED = { gates: { memory_usage: 0.01, interval: 0.05 } };
const WIDE = { gates: { cpu_usage: 100, memory_usage: 100, disk_usage: 100, interval: 0.05 } };

describe('a device over one of its gates', () => {
  it('claims nothing, says so once, shows it in its row; another device runs the task', async () => {
    const held = startWorker(db, { deviceId: 'held', handlers: { t: () => 1 }, worker: CLOSED });
    const { reasons } = await once(held.events, 'device:held');
    expect(reasons).toEqual([expect.stringMatching(/^memory is at [\d.]+ %, over its gate of 0.01 %$/)]);
    const id = await add();
    await heartbeats(held, 5);
    expect(await status(id)).toBe('pending');
    expect(JSON.parse(String((await readDevice(session, db.names, 'held'))?.held))).toEqual([
      expect.stringContaining('memory'),
    ]);
    expect(held.seen.filter((one) => one.name === 'device:held')).toHaveLength(1);
    startWorker(db, { deviceId: 'free', handlers: { t: () => 1 }, worker: WIDE });
    await until(async () => (await status(id)) === 'done', 10_000, 'done by the other');
    expect(await claimsOf('held')).toBe(0);
    await held.stop();
    expect((await readDevice(session, db.names, 'held'))?.held).toBeNull();
  });

  it('does not take a task that is directed at it either: a gate protects the machine', async () => {
    const id = await add({ target_device_id: 'held' });
    const held = startWorker(db, { deviceId: 'held', handlers: { t: () => 1 }, worker: CLOSED });
    await once(held.events, 'device:held');
    await heartbeats(held, 5);
    expect(await status(id)).toBe('pending');
  });

  it.each(['once', 'drain'] as const)('ends a run of --%s at once, with the reason', async (mode) => {
    const id = await add();
    const held = startWorker(db, { deviceId: 'held', mode, handlers: { t: () => 1 }, worker: CLOSED });
    expect((await held.ended).reason).toMatch(/^memory is at .* over its gate/);
    expect(await status(id)).toBe('pending');
  });
});

describe('a device below its gates', () => {
  it.each(['forever', 'once', 'drain'] as const)('claims as if it had none (%s), and says nothing', async (mode) => {
    const id = await add();
    const worker = startWorker(db, { mode, handlers: { t: () => 1 }, worker: WIDE });
    await until(async () => (await status(id)) === 'done', 10_000, 'done');
    if (mode !== 'forever') expect((await worker.ended).finished).toEqual({ done: 1 });
    expect(worker.seen.filter((one) => one.name === 'device:held')).toEqual([]);
  });

  it('tells how many tasks it claimed lately', async () => {
    for (let n = 0; n < 3; n += 1) await add();
    startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 } });
    await until(async () => (await readDevice(session, db.names, 'w1'))?.served === 3, 10_000, 'served');
  });
});
