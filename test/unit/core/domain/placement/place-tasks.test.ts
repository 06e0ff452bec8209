import { describe, expect, test } from 'vitest';
import type { DeviceView } from '../../../../../src/core/domain/placement/device-view.ts';
import { placeTasks, rankDevices } from '../../../../../src/core/domain/placement/place-tasks.ts';
import { DEFAULT_POLICY, type PlacementPolicy } from '../../../../../src/core/domain/placement/policy.ts';
import { device, LANE } from './devices.ts';

const place = (n: number, devices: DeviceView[], policy: Partial<PlacementPolicy> = {}) =>
  Object.fromEntries([...placeTasks(LANE, n, devices, { ...DEFAULT_POLICY, ...policy })].sort());
const rank = (devices: DeviceView[], policy: Partial<PlacementPolicy> = {}) =>
  rankDevices(LANE, devices, { ...DEFAULT_POLICY, ...policy }).map((one) => one.device_id);
const chosen = (devices: DeviceView[], salt: number, n = 1) =>
  [...placeTasks(LANE, n, devices, DEFAULT_POLICY, salt).keys()].sort().join(' ');
const first = (devices: DeviceView[], salt: number) => rankDevices(LANE, devices, DEFAULT_POLICY, salt)[0]!.device_id;

describe('a plan', () => {
  test('gives one task to the device with the largest share of free slots', () => {
    const devices = [device('a', { running: 3 }), device('b', { slots: 10, running: 4 }), device('c', { running: 4 })];
    expect(place(1, devices)).toEqual({ b: 1 });
  });

  test('gives of a bulk none to a device while another is less loaded, and leaves the views as they were', () => {
    const devices = [device('a', { slots: 20 }), device('b', { slots: 10 }), device('c'), device('d')];
    for (let n = 1; n <= 40; n += 1) {
      const plan = placeTasks(LANE, n, devices, DEFAULT_POLICY, n);
      const given = (one: DeviceView) => plan.get(one.device_id) ?? 0;
      const least = Math.min(...devices.map((one) => given(one) / one.slots));
      for (const one of devices) expect((given(one) - 1) / one.slots).toBeLessThanOrEqual(least);
    }
    expect(place(40, devices)).toEqual({ a: 20, b: 10, c: 5, d: 5 });
    expect(devices[3]).toEqual(device('d'));
  });

  test('gives under round_robin each in turn, and first to those that were given less lately', () => {
    const devices = [4, 2, 0].map((recent_claims, n) => device('abc'[n]!, { slots: 50, recent_claims }));
    expect(place(6, devices, { strategy: 'round_robin' })).toEqual({ b: 2, c: 4 });
    expect(place(21, devices, { strategy: 'round_robin' })).toEqual({ a: 5, b: 7, c: 9 });
  });

  test('gives no more than there are free slots; when all look full, one to the least loaded by its slots', () => {
    expect(place(100, [device('a', { running: 4 }), device('b', { running: 3 })])).toEqual({ a: 1, b: 2 });
    const full = [device('small', { slots: 2, running: 6 }), device('large', { running: 10 })];
    expect(place(8, full)).toEqual({ large: 1 });
    expect(rank(full)).toEqual(['large', 'small']);
    expect([place(3, [device('a', { unavailable: 'is offline' })]), place(0, [device('a')])]).toEqual([{}, {}]);
  });

  test('gives a device no more tasks of a type than it runs at once; the others get the rest', () => {
    const capabilities = { supported_tasks: ['sync_data'], max_per_type: { sync_data: 2, other: 1 } };
    expect(place(9, [device('a', { capabilities, slots: 50 }), device('b')])).toEqual({ a: 2, b: 5 });
    expect(place(9, [device('a', { capabilities, slots: 1 })])).toEqual({ a: 1 });
  });

  test('with a minimum gives to those above it, and waits for them when they are full', () => {
    const policy = { strategy: 'weighted', min_score: 0.55 } as const;
    const capabilities = { supported_tasks: ['sync_data'], gpu: true };
    const bad = device('bad', { success_rate: 0, avg_duration_ms: 1000, capabilities });
    for (const running of [4, 5]) {
      const good = device('good', { success_rate: 1, avg_duration_ms: 100, running });
      expect(place(5, [bad, good], policy)).toEqual({ good: 1 });
      expect(rank([bad, good], policy)).toEqual(['good']);
    }
  });

  test('knows no minimum that nobody reaches; who scores just that much is not below it', () => {
    const devices = [device('a', { running: 2 }), device('b', { running: 3 })];
    expect(place(5, devices, { min_score: 0.9 })).toEqual({ a: 3, b: 2 });
    expect(rank(devices, { min_score: 0.9 })).toEqual(['a', 'b']);
    expect(rank(devices, { min_score: 0.4 })).toEqual(['a', 'b']);
  });
});

test('the ranking offers free devices by score, then full ones by load', () => {
  const devices = [9, 5, 2, 0].map((running) => device(`with ${running}`, { running }));
  const order = ['with 0', 'with 2', 'with 5', 'with 9'];
  expect(rank([...devices, device('gone', { unavailable: 'is offline' })])).toEqual(order);
});

describe('of equal devices', () => {
  const named = (count: number) => Array.from({ length: count }, (_, n) => device(`worker-00${n}`, { slots: 1000 }));

  test.each<[what: string, count: number, each: number, (devices: DeviceView[], salt: number) => string]>([
    ['a plan', 4, 4, chosen],
    ['a ranking', 4, 4, first],
    ['a bulk that ends before all have the same', 8, 28, (devices, salt) => chosen(devices, salt, 2)],
  ])('%s draws others with each salt, all about as often; with one salt always the same', (_, count, kinds, draw) => {
    const devices = named(count);
    const drawn = new Map<string, number>();
    for (let salt = 0; salt < 100 * kinds; salt += 1) {
      const found = draw(devices, salt);
      expect(draw(devices.toReversed(), salt)).toBe(found);
      drawn.set(found, (drawn.get(found) ?? 0) + 1);
    }
    expect(drawn.size).toBe(kinds);
    for (const times of drawn.values()) expect(Math.abs(times - 100)).toBeLessThan(50);
  });

  test('some differ by a rounding error: the tie-breaker decides, and more than that is no tie', () => {
    const lane = { task_type: 'sync_data', required_capabilities: { region: { prefer: 'eu' } } };
    const devices = [device('a', { region: 'eu' }), device('b')];
    const winners = (region_bonus: number) => {
      const policy = { ...DEFAULT_POLICY, region_bonus };
      const salts = Array.from({ length: 64 }, (_, salt) => salt);
      return [
        new Set(salts.map((salt) => rankDevices(lane, devices, policy, salt)[0])).size,
        new Set(salts.map((salt) => [...placeTasks(lane, 1, devices, policy, salt).keys()][0])).size,
      ];
    };
    expect(winners(1e-12)).toEqual([2, 2]);
    expect(winners(1e-6)).toEqual([1, 1]);
  });
});
