import { expect, test } from 'vitest';
import {
  hasLimits,
  type LimitState,
  limitReasons,
  nextLimitState,
  OPEN,
  type Readings,
} from '../../../../../src/core/domain/placement/resource-limits.ts';
import { randomFrom } from './devices.ts';

const NONE: Readings = { cpu_usage: null, memory_usage: null, disk_usage: null };
const after = (readings: Array<Partial<Readings>>, limits: Parameters<typeof nextLimitState>[2]) =>
  readings.reduce<LimitState>((state, one) => nextLimitState(state, { ...NONE, ...one }, limits), OPEN);

test('a limit is exceeded above its value, not at it, and says so in words', () => {
  const limits = { memory_usage: 90 };
  expect(after([{ memory_usage: 90 }], limits).over_limits).toEqual([]);
  const over = after([{ memory_usage: 93.14 }], limits);
  expect(over.over_limits).toEqual(['memory_usage']);
  expect(limitReasons(over, limits)).toEqual(['memory is at 93.1 %, over its limit of 90 %']);
});

test('it stays exceeded until the reading is clearly below, so that it does not flap', () => {
  const limits = { disk_usage: 90 };
  const readings = [91, 89.9, 88, 85.1].map((disk_usage) => ({ disk_usage }));
  const near = after(readings, limits);
  expect(near.over_limits).toEqual(['disk_usage']);
  expect(limitReasons(near, limits)).toEqual(['disk is at 85.1 %, not yet clearly below its limit of 90 %']);
  expect(after([...readings, { disk_usage: 85 }], limits).over_limits).toEqual([]);
});

test('a low limit opens again too', () => {
  expect(after([{ disk_usage: 3 }, { disk_usage: 1.7 }], { disk_usage: 2 }).over_limits).toEqual([]);
});

test('one moment of a full processor exceeds nothing; a processor that stays full does', () => {
  const limits = { cpu_usage: 80 };
  expect(after([{ cpu_usage: 20 }, { cpu_usage: 100 }, { cpu_usage: 20 }], limits).over_limits).toEqual([]);
  const busy = Array.from({ length: 6 }, () => ({ cpu_usage: 100 }));
  expect(after([{ cpu_usage: 20 }, ...busy], limits).over_limits).toEqual(['cpu_usage']);
});

test('what cannot be read exceeds no limit, and ends what it had exceeded', () => {
  const limits = { memory_usage: 50, disk_usage: 50 };
  expect(after([NONE], limits).over_limits).toEqual([]);
  expect(after([{ memory_usage: 60, disk_usage: 60 }, { disk_usage: 60 }], limits).over_limits).toEqual(['disk_usage']);
});

test('without limits a device is never over them', () => {
  expect(hasLimits({})).toBe(false);
  expect(hasLimits({ cpu_usage: 0 })).toBe(true);
  expect(after([{ cpu_usage: 100, memory_usage: 100, disk_usage: 100 }], {}).over_limits).toEqual([]);
});

test('whatever is read, a limit never changes twice while the reading stays within its dead band', () => {
  const random = randomFrom(7);
  for (let n = 0; n < 300; n += 1) {
    const limit = 30 + random() * 60;
    let [state, changes] = [OPEN, 0];
    for (let at = 0; at < 50; at += 1) {
      const next = nextLimitState(state, { ...NONE, memory_usage: limit - 2 + random() * 4 }, { memory_usage: limit });
      if (next.over_limits.length !== state.over_limits.length) changes += 1;
      state = next;
    }
    expect(changes).toBeLessThanOrEqual(1);
  }
});

test('the first reading counts whole, each later one of the processor by three tenths; a gap forgets what was before', () => {
  const cpu = (...readings: Array<number | null>) =>
    after(
      readings.map((cpu_usage) => ({ cpu_usage })),
      { cpu_usage: 80 },
    );
  expect(cpu(90)).toEqual({ level: { ...NONE, cpu_usage: 90 }, over_limits: ['cpu_usage'] });
  expect(cpu(20, 100).level.cpu_usage).toBeCloseTo(44, 9);
  expect(cpu(20, null).level.cpu_usage).toBeNull();
  expect(cpu(20, null, 90).level.cpu_usage).toBe(90);
});

test('memory and disk are compared as they are read', () => {
  const readings = [
    { memory_usage: 20, disk_usage: 30 },
    { memory_usage: 91, disk_usage: 92 },
  ];
  const over = after(readings, { memory_usage: 90, disk_usage: 90 });
  expect(over).toEqual({
    ...{ level: { cpu_usage: null, memory_usage: 91, disk_usage: 92 }, over_limits: ['memory_usage', 'disk_usage'] },
  });
});

test('every exceeded limit is reported by its own name; a reading at the limit is not yet below it', () => {
  const limits = { cpu_usage: 10, memory_usage: 90, disk_usage: 90 };
  const at = (usage: number) => ({ cpu_usage: usage, memory_usage: usage, disk_usage: usage });
  expect(limitReasons(after([at(95)], limits), limits)).toEqual([
    'cpu is at 95 %, over its limit of 10 %',
    'memory is at 95 %, over its limit of 90 %',
    'disk is at 95 %, over its limit of 90 %',
  ]);
  expect(limitReasons(after([at(95), at(90)], limits), limits)[1]).toBe(
    'memory is at 90 %, not yet clearly below its limit of 90 %',
  );
});

test('before anything is read nothing is known and no limit is exceeded', () => {
  expect(OPEN).toEqual({ level: NONE, over_limits: [] });
  expect(after([], { cpu_usage: 1 })).toEqual(OPEN);
});
