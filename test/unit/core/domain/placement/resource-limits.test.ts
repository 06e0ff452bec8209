import { expect, test } from 'vitest';
import {
  hasLimits,
  type LimitState,
  limitReasons,
  nextLimitState,
  OPEN,
  type Readings,
} from '../../../../../src/core/domain/placement/resource-limits.ts';

const NONE: Readings = { cpu_usage: null, memory_usage: null, disk_usage: null };
const after = (readings: Array<Partial<Readings>>, limits: Parameters<typeof nextLimitState>[2]) =>
  readings.reduce<LimitState>((state, one) => nextLimitState(state, { ...NONE, ...one }, limits), OPEN);
/** Whether a limit of the disk is exceeded after these readings. */
const over = (limit: number, ...usages: number[]) => {
  const readings = usages.map((disk_usage) => ({ disk_usage }));
  return after(readings, { disk_usage: limit }).over_limits.length > 0;
};

test('a limit is exceeded above its value, and until the reading is clearly below, so that it does not flap', () => {
  expect([over(90, 90), over(90, 90.1)]).toEqual([false, true]);
  expect([over(90, 91, 89.9, 85.1), over(90, 91, 85), over(90, 91, 85, 90)]).toEqual([true, false, false]);
  // A low one opens again too.
  expect([over(2, 3, 1.9), over(2, 3, 1.7)]).toEqual([true, false]);
});

test('each exceeded limit says by its own name whether the reading is over it, or not yet clearly below', () => {
  const limits = { cpu_usage: 10, memory_usage: 90, disk_usage: 90 };
  const at = (usage: number) => ({ cpu_usage: usage, memory_usage: usage, disk_usage: usage });
  expect(limitReasons(after([at(95.14)], limits), limits)).toEqual([
    'cpu is at 95.1 %, over its limit of 10 %',
    'memory is at 95.1 %, over its limit of 90 %',
    'disk is at 95.1 %, over its limit of 90 %',
  ]);
  const still = limitReasons(after([at(95), at(90)], limits), limits)[1];
  expect(still).toBe('memory is at 90 %, not yet clearly below its limit of 90 %');
});

test('one moment of a full processor exceeds nothing: its first reading counts whole, each later one by three tenths', () => {
  const cpu = (...readings: Array<number | null>) => {
    const all = readings.map((cpu_usage) => ({ cpu_usage }));
    return after(all, { cpu_usage: 80 });
  };
  expect(cpu(90)).toEqual({ level: { ...NONE, cpu_usage: 90 }, over_limits: ['cpu_usage'] });
  expect(cpu(20, 100).level.cpu_usage).toBeCloseTo(44, 9);
  expect(cpu(20, 100, 20).over_limits).toEqual([]);
  expect(cpu(20, ...Array(6).fill(100)).over_limits).toEqual(['cpu_usage']);
  // A gap forgets what was before.
  expect(cpu(20, null).level.cpu_usage).toBeNull();
  expect(cpu(20, null, 90).level.cpu_usage).toBe(90);
});

test('memory and disk are compared as they are read; what cannot be read exceeds no limit, and ends what it had', () => {
  const limits = { memory_usage: 90, disk_usage: 90 };
  const readings = [{ memory_usage: 20, disk_usage: 30 }, { memory_usage: 91, disk_usage: 92 }, { disk_usage: 92 }];
  const both = { level: { cpu_usage: null, memory_usage: 91, disk_usage: 92 }, over_limits: Object.keys(limits) };
  expect(after(readings.slice(0, 2), limits)).toEqual(both);
  expect(after(readings, limits).over_limits).toEqual(['disk_usage']);
});

test('without limits, or before anything is read, none is exceeded', () => {
  expect([hasLimits({}), hasLimits({ cpu_usage: 0 })]).toEqual([false, true]);
  expect(after([{ cpu_usage: 100, memory_usage: 100, disk_usage: 100 }], {}).over_limits).toEqual([]);
  expect(OPEN).toEqual({ level: NONE, over_limits: [] });
});
