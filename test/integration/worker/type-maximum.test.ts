// handlers.*.max: how many tasks of one type a worker runs at once.
import { describe, expect } from 'vitest';
import { until } from '../../helpers/wait.ts';
import { eventsOf, heartbeats, it, type Work } from '../../helpers/worked-tasks.ts';

/** A worker that runs so many browsers at once; each holds until it is let go, or lasts `ms`. */
function worker(work: Work, max: number, { ms, ...options }: { ms?: number } & Parameters<Work['start']>[0]) {
  const held: Array<() => void> = [];
  const browser = { running: 0, most: 0, begun: 0 };
  const one = work.start({
    configured: { browser: { module: './of-the-test.ts', max } },
    handlers: {
      async browser() {
        browser.running += 1;
        browser.begun += 1;
        browser.most = Math.max(browser.most, browser.running);
        await new Promise<void>((resolve) => (ms === undefined ? held.push(resolve) : setTimeout(resolve, ms)));
        browser.running -= 1;
      },
      call: () => 1,
    },
    ...options,
  });
  const letAllGo = async (n: number) => {
    for (let at = 1; at <= n; at += 1) {
      await until(() => browser.begun === at, 10_000, `browser ${at} has begun`);
      held.shift()!();
    }
  };
  return { one, browser, letAllGo };
}
const untilDone = (work: Work, type: string, n: number) =>
  until(
    async () => (await work.count(`${work.names.task} WHERE task_type = '${type}' AND status = 'done'`)) === n,
    30_000,
    `${n} tasks of ${type} are done`,
  );

describe('a type with a maximum', () => {
  it('is published, and never above it, nor is more claimed; the other slots work on meanwhile', async ({ work }) => {
    // Two lanes: the maximum is that of the type.
    await work.addMany(3, { task_type: 'browser', priority: 10 });
    await work.addMany(2, { task_type: 'browser', priority: 10, required_capabilities: '{"browser": true}' });
    await work.addMany(100, { task_type: 'call' });
    const { one, browser, letAllGo } = worker(work, 1, {
      worker: { max_concurrent_tasks: 4, capabilities: { browser: true } },
    });
    await untilDone(work, 'call', 100);
    await heartbeats(one, 3);
    expect(browser).toMatchObject({ begun: 1, running: 1 });
    expect(await work.count(`${work.names.task} WHERE status = 'pending'`)).toBe(4);
    expect(JSON.parse(String((await work.device()).capabilities))).toMatchObject({ max_per_type: { browser: 1 } });
    await letAllGo(5);
    await untilDone(work, 'browser', 5);
    expect(browser.most).toBe(1);
  });

  it('is claimed again at once when a place is free, without a poll', async ({ work }) => {
    await work.addMany(6, { task_type: 'browser' });
    const rarely = { task_poll_interval: 300, tick_interval: 300, heartbeat_interval: 300 };
    const { one, browser } = worker(work, 1, { ms: 20, worker: { max_concurrent_tasks: 4, ...rarely } });
    await untilDone(work, 'browser', 6);
    expect(browser.most).toBe(1);
    expect(eventsOf(one, 'device:heartbeat').length).toBeLessThanOrEqual(1);
  });

  it('keeps no directed task of another type waiting behind its own', async ({ work }) => {
    const directed = { status: 'assigned', target_device_id: 'w1' };
    await work.addMany(12, { task_type: 'browser', ...directed });
    await work.addMany(3, { task_type: 'call', ...directed });
    const { browser, letAllGo } = worker(work, 1, { worker: { max_concurrent_tasks: 3 } });
    await untilDone(work, 'call', 3);
    expect(browser).toMatchObject({ begun: 1, running: 1 });
    await letAllGo(12);
    await untilDone(work, 'browser', 12);
    expect(browser.most).toBe(1);
  });
});
