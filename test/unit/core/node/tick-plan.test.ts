import { describe, expect, it } from 'vitest';
import type { LivenessSettings } from '../../../../src/core/node/liveness-messages.ts';
import { TickPlan } from '../../../../src/core/node/tick-plan.ts';

const settings = (more: Partial<LivenessSettings> = {}) =>
  ({
    ...{ deviceType: 'worker', capabilities: { supported_tasks: ['t'] }, tickIntervalMs: 1000, keepWarmMs: 10_000 },
    ...{ taskPollIntervalMs: 1000, lockTrustAfterStartMs: 15_000, heartbeatTimeoutMs: 60_000 },
    ...more,
  }) as LivenessSettings;
const plan = (more?: Partial<LivenessSettings>) => {
  const one = new TickPlan(settings(more));
  const asks = (seconds: number) => Array.from({ length: seconds }, (_, n) => one.next(n * 1003, 'w1'));
  return { one, asks };
};

describe('the plan of the ticks', () => {
  it('leaves one tick in ten to the work session, and asks for open attempts each time', () => {
    const asks = plan().asks(100);
    expect(asks.filter((ask) => ask === undefined)).toHaveLength(10);
    expect(asks.filter((ask) => ask?.withOpen)).toHaveLength(90);
  });

  it('never does for a node that runs nothing, and reads no task there', () => {
    const asks = plan({ deviceType: 'master' }).asks(50);
    expect(asks.every((ask) => ask !== undefined && ask.ranks === undefined && !ask.withOpen)).toBe(true);
  });

  it('polls as often as task_poll_interval says, and ticks all the same', () => {
    const asks = plan({ taskPollIntervalMs: 3000, keepWarmMs: 1e9 }).asks(9);
    expect(asks.flatMap((ask, n) => (ask?.ranks === undefined ? [] : [n]))).toEqual([0, 3, 6]);
  });

  it('leaves the next poll to the work session when the server broke its own off, and makes none for a while', () => {
    const { one } = plan({ keepWarmMs: 1e9 });
    const ask = one.next(0, 'w1')!;
    expect(one.answered(ask, undefined, 300, 0)).toEqual([]);
    expect(one.next(1000, 'w1')).toBeUndefined();
    const asks = [2000, 4000, 6000, 7000].map((at) => one.next(at, 'w1')?.ranks);
    expect(asks).toEqual([undefined, undefined, undefined, []]);
  });

  it('ticks without polling for a while after two polls that took long', () => {
    const { one } = plan({ keepWarmMs: 1e9 });
    const ask = (at: number) => one.next(at, 'w1')!;
    const polls = (at: number) => ask(at).ranks !== undefined;
    one.answered(ask(0), [], 10, 0);
    one.answered(ask(1000), [], 1200, 1000);
    expect(polls(2000)).toBe(true);
    one.answered(ask(3000), [], 3200, 3000);
    expect([4000, 5000, 6000, 8000].map(polls)).toEqual([false, false, false, true]);
  });
});
