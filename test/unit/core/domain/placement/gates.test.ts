import { expect, test } from 'vitest';
import {
  type GateState,
  gateReasons,
  hasGates,
  nextGates,
  OPEN,
  type Readings,
} from '../../../../../src/core/domain/placement/gates.ts';
import { randomFrom } from './devices.ts';

const NONE: Readings = { cpu_usage: null, memory_usage: null, disk_usage: null };
const after = (readings: Array<Partial<Readings>>, gates: Parameters<typeof nextGates>[2]) =>
  readings.reduce<GateState>((state, one) => nextGates(state, { ...NONE, ...one }, gates), OPEN);

test('a gate closes above its value, not at it, and says so in words', () => {
  const gates = { memory_usage: 90 };
  expect(after([{ memory_usage: 90 }], gates).held).toEqual([]);
  const over = after([{ memory_usage: 93.14 }], gates);
  expect(over.held).toEqual(['memory_usage']);
  expect(gateReasons(over, gates)).toEqual(['memory is at 93.1 %, over its limit of 90 %']);
});

test('it stays closed until the reading is clearly below, so that it does not flap', () => {
  const gates = { disk_usage: 90 };
  const readings = [91, 89.9, 88, 85.1].map((disk_usage) => ({ disk_usage }));
  const near = after(readings, gates);
  expect(near.held).toEqual(['disk_usage']);
  expect(gateReasons(near, gates)).toEqual(['disk is at 85.1 %, not yet clearly below its limit of 90 %']);
  expect(after([...readings, { disk_usage: 85 }], gates).held).toEqual([]);
});

test('a low gate opens again too', () => {
  expect(after([{ disk_usage: 3 }, { disk_usage: 1.7 }], { disk_usage: 2 }).held).toEqual([]);
});

test('one moment of a full processor closes nothing; a processor that stays full does', () => {
  const gates = { cpu_usage: 80 };
  expect(after([{ cpu_usage: 20 }, { cpu_usage: 100 }, { cpu_usage: 20 }], gates).held).toEqual([]);
  const busy = Array.from({ length: 6 }, () => ({ cpu_usage: 100 }));
  expect(after([{ cpu_usage: 20 }, ...busy], gates).held).toEqual(['cpu_usage']);
});

test('what cannot be read closes nothing and opens what it had closed', () => {
  const gates = { memory_usage: 50, disk_usage: 50 };
  expect(after([NONE], gates).held).toEqual([]);
  expect(after([{ memory_usage: 60, disk_usage: 60 }, { disk_usage: 60 }], gates).held).toEqual(['disk_usage']);
});

test('without gates nothing is ever held', () => {
  expect(hasGates({})).toBe(false);
  expect(hasGates({ cpu_usage: 0 })).toBe(true);
  expect(after([{ cpu_usage: 100, memory_usage: 100, disk_usage: 100 }], {}).held).toEqual([]);
});

test('whatever is read, a gate never changes twice while the reading stays within its dead band', () => {
  const random = randomFrom(7);
  for (let n = 0; n < 300; n += 1) {
    const gate = 30 + random() * 60;
    let [state, changes] = [OPEN, 0];
    for (let at = 0; at < 50; at += 1) {
      const next = nextGates(state, { ...NONE, memory_usage: gate - 2 + random() * 4 }, { memory_usage: gate });
      if (next.held.length !== state.held.length) changes += 1;
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
  expect(cpu(90)).toEqual({ level: { ...NONE, cpu_usage: 90 }, held: ['cpu_usage'] });
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
    ...{ level: { cpu_usage: null, memory_usage: 91, disk_usage: 92 }, held: ['memory_usage', 'disk_usage'] },
  });
});

test('every gate that is closed is told by its own name; one that its reading has come back to is not yet below it', () => {
  const gates = { cpu_usage: 10, memory_usage: 90, disk_usage: 90 };
  const at = (usage: number) => ({ cpu_usage: usage, memory_usage: usage, disk_usage: usage });
  expect(gateReasons(after([at(95)], gates), gates)).toEqual([
    'cpu is at 95 %, over its limit of 10 %',
    'memory is at 95 %, over its limit of 90 %',
    'disk is at 95 %, over its limit of 90 %',
  ]);
  expect(gateReasons(after([at(95), at(90)], gates), gates)[1]).toBe(
    'memory is at 90 %, not yet clearly below its limit of 90 %',
  );
});

test('before anything is read nothing is known and nothing is held', () => {
  expect(OPEN).toEqual({ level: NONE, held: [] });
  expect(after([], { cpu_usage: 1 })).toEqual(OPEN);
});
