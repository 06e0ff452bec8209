import { expect, test } from 'vitest';
import type { DeviceView } from '../../../../../src/core/domain/placement/device-view.ts';
import { eligible } from '../../../../../src/core/domain/placement/eligible.ts';
import { placeTasks, rankDevices } from '../../../../../src/core/domain/placement/place-tasks.ts';
import { DEFAULT_POLICY } from '../../../../../src/core/domain/placement/policy.ts';
import { device, LANE, randomFrom } from './devices.ts';

const counts = (plan: Map<string, number>) => Object.fromEntries([...plan].sort());
const ids = (devices: DeviceView[]) => devices.map((one) => one.device_id);

test('one task goes to the device with the largest share of free slots', () => {
  const devices = [device('a', { running: 3 }), device('b', { slots: 10, running: 4 }), device('c', { running: 4 })];
  expect(counts(placeTasks(LANE, 1, devices, DEFAULT_POLICY))).toEqual({ b: 1 });
});

test('of a bulk no device gets a task while another is less loaded', () => {
  const devices = [device('a', { slots: 20 }), device('b', { slots: 10 }), device('c'), device('d')];
  for (let n = 1; n <= 40; n += 1) {
    const plan = placeTasks(LANE, n, devices, DEFAULT_POLICY, n);
    const given = (one: DeviceView) => plan.get(one.device_id) ?? 0;
    const least = Math.min(...devices.map((one) => given(one) / one.slots));
    for (const one of devices) expect((given(one) - 1) / one.slots).toBeLessThanOrEqual(least);
  }
  expect(counts(placeTasks(LANE, 40, devices, DEFAULT_POLICY))).toEqual({ a: 20, b: 10, c: 5, d: 5 });
});

test('round_robin gives each of a bulk in turn, and first to those that were given less lately', () => {
  const policy = { ...DEFAULT_POLICY, strategy: 'round_robin' as const };
  const devices = [
    device('a', { slots: 50, recent_claims: 4 }),
    device('b', { slots: 50, recent_claims: 2 }),
    device('c', { slots: 50 }),
  ];
  expect(counts(placeTasks(LANE, 6, devices, policy))).toEqual({ b: 2, c: 4 });
  expect(counts(placeTasks(LANE, 21, devices, policy))).toEqual({ a: 5, b: 7, c: 9 });
});

test('when all look full, the least loaded gets one, and the rest wait', () => {
  const devices = [device('a', { running: 7 }), device('b', { running: 5 }), device('c', { running: 6 })];
  expect(counts(placeTasks(LANE, 8, devices, DEFAULT_POLICY))).toEqual({ b: 1 });
});

test('how loaded a full device is goes by its slots, in a plan and in the ranking', () => {
  const devices = [device('small', { slots: 2, running: 6 }), device('large', { slots: 5, running: 10 })];
  expect(counts(placeTasks(LANE, 1, devices, DEFAULT_POLICY))).toEqual({ large: 1 });
  expect(ids(rankDevices(LANE, devices, DEFAULT_POLICY))).toEqual(['large', 'small']);
});

test('who scores just the minimum is not below it', () => {
  const devices = [device('at', { slots: 2, running: 1 }), device('above')];
  expect(ids(rankDevices(LANE, devices, { ...DEFAULT_POLICY, min_score: 0.5 }))).toEqual(['above', 'at']);
});

test('no more is planned than there are free slots', () => {
  const devices = [device('a', { running: 4 }), device('b', { running: 3 })];
  expect(counts(placeTasks(LANE, 100, devices, DEFAULT_POLICY))).toEqual({ a: 1, b: 2 });
});

test('nobody eligible, and nothing to place, are empty plans', () => {
  expect(placeTasks(LANE, 3, [], DEFAULT_POLICY).size).toBe(0);
  expect(placeTasks(LANE, 3, [device('a', { unavailable: 'is offline' })], DEFAULT_POLICY).size).toBe(0);
  expect(placeTasks(LANE, 0, [device('a')], DEFAULT_POLICY).size).toBe(0);
});

test('the views that were given are left as they were', () => {
  const devices = [device('a')];
  placeTasks(LANE, 3, devices, DEFAULT_POLICY);
  expect(devices).toEqual([device('a')]);
});

test('of equal devices each salt draws another, all about as often; one salt always the same', () => {
  const devices = ['a', 'b', 'c', 'd'].map((id) => device(id));
  const won = new Map<string, number>();
  for (let salt = 0; salt < 4000; salt += 1) {
    const [first] = placeTasks(LANE, 1, devices, DEFAULT_POLICY, salt).keys();
    won.set(first!, (won.get(first!) ?? 0) + 1);
    expect([...placeTasks(LANE, 1, [...devices].reverse(), DEFAULT_POLICY, salt).keys()]).toEqual([first]);
  }
  for (const times of won.values()) expect(Math.abs(times - 1000)).toBeLessThan(150);
  expect(won.size).toBe(4);
});

test('the ranking offers free devices by score, then full ones by load', () => {
  const devices = [
    device('fuller', { running: 9 }),
    device('full', { running: 5 }),
    device('half', { running: 2 }),
    device('idle'),
    device('gone', { unavailable: 'is offline' }),
  ];
  expect(ids(rankDevices(LANE, devices, DEFAULT_POLICY))).toEqual(['idle', 'half', 'full', 'fuller']);
});

test('whatever the fleet: a plan gives only to eligible devices, within their free slots, and all that fits', () => {
  const random = randomFrom(11);
  for (let n = 0; n < 1000; n += 1) {
    const devices = Array.from({ length: Math.floor(random() * 6) }, (_, at) =>
      device(`d${at}`, {
        slots: Math.floor(random() * 6),
        running: Math.floor(random() * 6),
        unavailable: random() < 0.2 ? 'is paused' : null,
        over_limits: random() < 0.2 ? ['cpu over'] : [],
        recent_claims: Math.floor(random() * 9),
        region: random() < 0.5 ? 'eu' : null,
      }),
    );
    const strategy = (['least_tasks', 'round_robin', 'weighted'] as const)[n % 3]!;
    const lane = { task_type: 'sync_data', required_capabilities: { region: { prefer: 'eu' } } };
    const wanted = Math.floor(random() * 12);
    const plan = placeTasks(lane, wanted, devices, { ...DEFAULT_POLICY, strategy }, n);
    const able = devices.filter((one) => eligible(one, lane).ok);
    const free = (one: DeviceView) => Math.max(0, one.slots - one.running);
    const room = able.reduce((sum, one) => sum + free(one), 0);
    const given = [...plan.values()].reduce((sum, one) => sum + one, 0);
    if (room > 0) {
      expect(given).toBe(Math.min(wanted, room));
      for (const [id, times] of plan)
        expect(times).toBeLessThanOrEqual(free(able.find((one) => one.device_id === id)!));
    } else expect(given).toBe(able.length > 0 && wanted > 0 ? 1 : 0);
    expect(ids(rankDevices(lane, devices, DEFAULT_POLICY, n)).sort()).toEqual(ids(able).sort());
  }
});

test('with a minimum, tasks go to those above it, and wait for them when they are full', () => {
  const policy = { ...DEFAULT_POLICY, strategy: 'weighted' as const, min_score: 0.55 };
  const good = { success_rate: 1, avg_duration_ms: 100 };
  const bad = { success_rate: 0, avg_duration_ms: 1000, capabilities: { supported_tasks: ['sync_data'], gpu: true } };
  const free = [device('bad', bad), device('good', { ...good, running: 4 })];
  expect(counts(placeTasks(LANE, 5, free, policy))).toEqual({ good: 1 });
  const full = [device('bad', bad), device('good', { ...good, running: 5 })];
  expect(counts(placeTasks(LANE, 5, full, policy))).toEqual({ good: 1 });
  expect(ids(rankDevices(LANE, full, policy))).toEqual(['good']);
});

test('when every device is below the minimum, it holds nobody back', () => {
  const policy = { ...DEFAULT_POLICY, min_score: 0.9 };
  const devices = [device('a', { running: 2 }), device('b', { running: 3 })];
  expect(counts(placeTasks(LANE, 5, devices, policy))).toEqual({ a: 3, b: 2 });
  expect(ids(rankDevices(LANE, devices, policy))).toEqual(['a', 'b']);
});

test('the ranking of equal devices is another with another salt; each comes first about as often', () => {
  const devices = ['a', 'b', 'c', 'd'].map((id) => device(id));
  const first = new Map<string, number>();
  for (let salt = 0; salt < 2000; salt += 1) {
    const order = ids(rankDevices(LANE, devices, DEFAULT_POLICY, salt));
    expect(ids(rankDevices(LANE, devices.toReversed(), DEFAULT_POLICY, salt))).toEqual(order);
    first.set(order[0]!, (first.get(order[0]!) ?? 0) + 1);
  }
  for (const times of first.values()) expect(Math.abs(times - 500)).toBeLessThan(100);
});

test('a bulk that ends before all equal devices have the same draws another tie-breaker for each', () => {
  const names = Array.from({ length: 8 }, (_, n) => `worker-00${n}`);
  const devices = names.map((id) => device(id, { slots: 1000 }));
  const pairs = new Map<string, number>();
  for (let salt = 0; salt < 2800; salt += 1) {
    const plan = placeTasks(LANE, 2, devices, DEFAULT_POLICY, salt);
    expect(plan.size).toBe(2);
    const pair = [...plan.keys()].sort().join(' ');
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  expect(pairs.size).toBe(28);
  for (const times of pairs.values()) expect(Math.abs(times - 100)).toBeLessThan(50);
});

test('scores that differ by a rounding error are equal: the tie-breaker decides, and more than that is no tie', () => {
  const lane = { task_type: 'sync_data', required_capabilities: { region: { prefer: 'eu' } } };
  const devices = [device('a', { region: 'eu' }), device('b')];
  const winners = (region_bonus: number) => {
    const policy = { ...DEFAULT_POLICY, region_bonus };
    const salts = Array.from({ length: 64 }, (_, salt) => salt);
    return [
      new Set(salts.map((salt) => ids(rankDevices(lane, devices, policy, salt))[0])).size,
      new Set(salts.map((salt) => [...placeTasks(lane, 1, devices, policy, salt).keys()][0])).size,
    ];
  };
  expect(winners(1e-12)).toEqual([2, 2]);
  expect(winners(1e-6)).toEqual([1, 1]);
});

test('a device gets no more tasks of a type than it runs at once; the others get the rest', () => {
  const few = { capabilities: { supported_tasks: ['sync_data'], max_per_type: { sync_data: 2, other: 1 } } };
  const devices = [device('a', { ...few, slots: 50 }), device('b')];
  expect([...placeTasks(LANE, 9, devices, DEFAULT_POLICY)].sort()).toEqual([
    ['a', 2],
    ['b', 5],
  ]);
  expect(placeTasks(LANE, 9, [device('a', { ...few, slots: 1 })], DEFAULT_POLICY).get('a')).toBe(1);
});
