// handlers.*.max: how many tasks of one type a worker runs at once.
import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers, type TestWorker } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

/** Handlers of a type that hold until they are let go, or last `ms`; counts how many run at once. */
function held(max: number, ms?: number) {
  const held: Array<() => void> = [];
  const one = { running: 0, most: 0, begun: 0, exceeded: false, letGo: () => held.shift()?.(), handler };
  async function handler() {
    one.running += 1;
    one.begun += 1;
    one.most = Math.max(one.most, one.running);
    one.exceeded ||= one.running > max;
    try {
      if (one.running > max) throw new Error(`${one.running} run at once`);
      await new Promise<void>((resolve) => (ms === undefined ? held.push(resolve) : setTimeout(resolve, ms)));
    } finally {
      one.running -= 1;
    }
  }
  return one;
}

const add = async (n: number, columns: Record<string, unknown>) => {
  for (let at = 0; at < n; at += 1) await insertTask(session, db.names, columns);
};
/** `handlers.*.max`. */
const browsers = (max: number) => ({ browser: { module: './of-the-test.ts', max } });
const directed = { status: 'assigned', target_device_id: 'w1' };
const count = async (task_type: string, status: string) => {
  const sql = `SELECT COUNT(*) AS n FROM ${db.names.task} WHERE task_type = ? AND status = ?`;
  return Number((await session.rows(sql, [task_type, status]))[0]!.n);
};
const untilDone = (task_type: string, n: number) =>
  until(async () => (await count(task_type, 'done')) === n, 30_000, `${n} tasks of ${task_type} are done`);
/** The most attempts of a type that waited to begin at once. */
function mostWaiting({ seen }: TestWorker, taskType: string): number {
  let [waiting, most] = [0, 0];
  for (const { name, data } of seen) {
    if (!('task_type' in data) || data.task_type !== taskType) continue;
    if (name === 'task:claimed') waiting += 1;
    if (name === 'task:started') waiting -= 1;
    most = Math.max(most, waiting);
  }
  return most;
}
const ticks = async (worker: TestWorker, n: number) => {
  for (let at = 0; at < n; at += 1) await once(worker.events, 'device:heartbeat');
};

describe('a type with a maximum', () => {
  it('is never above it, and no more is claimed; the other slots work on meanwhile', async () => {
    const browser = held(1);
    // Two lanes: the maximum is that of the type.
    await add(3, { task_type: 'browser', priority: 10 });
    await add(2, { task_type: 'browser', priority: 10, required_capabilities: '{"browser": true}' });
    await add(300, { task_type: 'call' });
    const worker = startWorker(db, {
      handlers: { browser: browser.handler, call: () => 1 },
      configured: browsers(1),
      worker: { max_concurrent_tasks: 4, capabilities: { browser: true } },
    });
    await untilDone('call', 300);
    await ticks(worker, 3);
    expect(browser).toMatchObject({ begun: 1, running: 1 });
    expect([await count('browser', 'running'), await count('browser', 'pending')]).toEqual([1, 4]);
    for (let n = 1; n <= 5; n += 1) {
      await until(() => browser.begun === n, 10_000, `browser ${n} has begun`);
      browser.letGo();
    }
    await untilDone('browser', 5);
    expect(browser).toMatchObject({ most: 1, begun: 5, exceeded: false });
  });

  it('is claimed again at once when a place is free, without a poll', async () => {
    const browser = held(1, 20);
    await add(6, { task_type: 'browser' });
    const worker = startWorker(db, {
      handlers: { browser: browser.handler },
      configured: browsers(1),
      worker: { max_concurrent_tasks: 4, task_poll_interval: 300, tick_interval: 300, heartbeat_interval: 300 },
    });
    await untilDone('browser', 6);
    expect(browser).toMatchObject({ most: 1, exceeded: false });
    expect(worker.seen.filter((one) => one.name === 'device:heartbeat').length).toBeLessThanOrEqual(1);
  });

  it('of short tasks is prefetched, never above its maximum; both types end', async () => {
    const browser = held(2, 3);
    await add(300, { task_type: 'browser' });
    await add(300, { task_type: 'call' });
    const worker = startWorker(db, {
      handlers: { browser: browser.handler, call: () => 1 },
      configured: browsers(2),
      worker: { max_concurrent_tasks: 8 },
      mode: 'drain',
    });
    expect(await worker.ended).toMatchObject({ finished: { done: 600 } });
    expect(browser).toMatchObject({ most: 2, begun: 300, exceeded: false });
    expect([await count('browser', 'done'), await count('call', 'done')]).toEqual([300, 300]);
    expect(mostWaiting(worker, 'browser')).toBeGreaterThan(2);
  });

  it('is shared by two devices, each up to its maximum', async () => {
    const [one, two] = [held(1), held(1)];
    await add(8, { task_type: 'browser' });
    for (const [deviceId, browser] of [['w1', one] as const, ['w2', two] as const])
      startWorker(db, {
        ...{ deviceId, handlers: { browser: browser.handler }, configured: browsers(1) },
        worker: { max_concurrent_tasks: 6 },
      });
    await until(() => one.running === 1 && two.running === 1, 10_000, 'one runs on each');
    expect(await count('browser', 'running')).toBe(2);
    await until(
      async () => {
        one.letGo();
        two.letGo();
        return (await count('browser', 'done')) === 8;
      },
      30_000,
      'all are done',
    );
    expect([one.most, two.most, one.begun + two.begun]).toEqual([1, 1, 8]);
  });

  it('keeps no directed task of another type waiting behind its own', async () => {
    const browser = held(1);
    await add(12, { task_type: 'browser', ...directed });
    await add(3, { task_type: 'call', ...directed });
    startWorker(db, {
      handlers: { browser: browser.handler, call: () => 1 },
      configured: browsers(1),
      worker: { max_concurrent_tasks: 3 },
    });
    await untilDone('call', 3);
    expect(browser).toMatchObject({ begun: 1, running: 1 });
    for (let n = 1; n <= 12; n += 1) {
      await until(() => browser.begun === n, 10_000, `browser ${n} has begun`);
      browser.letGo();
    }
    await untilDone('browser', 12);
    expect(browser.most).toBe(1);
  });

  it('with a stuck place leaves its tasks to others, and runs other types', async () => {
    const [one, two] = [held(1), held(5, 1)];
    await add(1, { task_type: 'browser' });
    // Its attempt is repeated, by the other device.
    const stuck = startWorker(db, {
      handlers: { browser: { call: one.handler, timeout: 0.1 }, call: () => 1 },
      configured: browsers(1),
      worker: { max_concurrent_tasks: 2, kill_grace: 0.05 },
    });
    await once(stuck.events, 'task:stuck');
    await add(3, { task_type: 'browser' });
    await add(3, { task_type: 'call' });
    await untilDone('call', 3);
    await ticks(stuck, 3);
    expect(await count('browser', 'pending')).toBe(4);
    startWorker(db, { deviceId: 'w2', handlers: { browser: two.handler } });
    await untilDone('browser', 4);
    expect([one.begun, two.begun]).toEqual([1, 4]);
    one.letGo();
  });

  it('is published among the capabilities', async () => {
    const worker = startWorker(db, { handlers: { browser: () => 1, call: () => 1 }, configured: browsers(2) });
    await once(worker.events, 'worker:started');
    const [row] = await session.rows(`SELECT capabilities FROM ${db.names.device} WHERE device_id = 'w1'`);
    expect(JSON.parse(String(row?.capabilities))).toEqual({
      supported_tasks: ['browser', 'call'],
      max_per_type: { browser: 2 },
    });
  });
});
