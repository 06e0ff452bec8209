import { expect, test } from 'vitest';
import { DEFAULT_POLICY, type PlacementPolicy } from '../../../../../src/core/domain/placement/policy.ts';
import { fleetOf, score } from '../../../../../src/core/domain/placement/score.ts';
import { device, LANE, randomFrom } from './devices.ts';

const weighted: PlacementPolicy = { ...DEFAULT_POLICY, strategy: 'weighted' };

test("a device of the design document's own examples scores 0.4·load + 0.3·match + 0.2·success + 0.1·response", () => {
  const worker = device('worker-001', {
    slots: 5,
    running: 3,
    capabilities: { supported_tasks: ['sync_apps', 'sync_data'], proxy_support: true, browser_support: true },
    success_rate: 0.9,
    avg_duration_ms: 120_000,
  });
  const fast = device('worker-002', { success_rate: 1, avg_duration_ms: 60_000 });
  const lane = { task_type: 'sync_data', required_capabilities: { proxy_support: true } };
  const { total, parts } = score(worker, lane, fleetOf([worker, fast]), weighted);
  expect(parts).toMatchObject({ load_factor: 0.4, capability_match: 0.5, success_rate: 0.9, response_time: 0.5 });
  expect(total).toBeCloseTo(0.4 * 0.4 + 0.3 * 0.5 + 0.2 * 0.9 + 0.1 * 0.5, 12);
});

test('an idle device without specials and with a spotless, fastest history scores 1', () => {
  const best = device('a', { success_rate: 1, avg_duration_ms: 100 });
  expect(score(best, LANE, fleetOf([best, device('b', { avg_duration_ms: 500 })]), weighted).total).toBeCloseTo(1, 12);
});

test.each([
  ['idle', 0, 5, 1],
  ['one of five', 1, 5, 0.8],
  ['full', 5, 5, 0],
  ['fuller than full: its slots were lowered', 7, 5, 0],
  ['without slots', 0, 0, 0],
])('the load factor of a device that is %s', (_, running, slots, expected) => {
  const one = device('a', { running, slots });
  expect(score(one, LANE, fleetOf([one]), weighted).parts.load_factor).toBeCloseTo(expected, 12);
});

test.each([
  ['nothing special, nothing asked', {}, null, 1],
  ['a browser that plain tasks do not need', { browser: true }, null, 0],
  ['a browser that is asked for', { browser: true }, { browser: true }, 1],
  ['one of two specials', { browser: true, proxy: true }, { browser: true }, 1 / 2],
  ['a number and a list, both asked for', { memory_gb: 32, os: ['linux'] }, { memory_gb: 8, os: 'linux' }, 1],
  ['what is offered as no is no special', { browser: false, proxy: null, tags: [], gpu: 0, os: '' }, null, 1],
  ['what is asked as no is not used', { browser: true }, { browser: false }, 0],
  ['the common ones are no specials', { max_concurrent: 5, region: 'eu' }, null, 1],
])('capability match: %s', (_, special, required_capabilities, expected) => {
  const one = device('a', { capabilities: { supported_tasks: ['sync_data'], ...special } });
  const lane = { task_type: 'sync_data', required_capabilities };
  expect(score(one, lane, fleetOf([one]), weighted).parts.capability_match).toBeCloseTo(expected, 12);
});

test('without a history a device counts as the mean of the fleet', () => {
  const fleet = fleetOf([
    device('a', { success_rate: 1, avg_duration_ms: 100 }),
    device('b', { success_rate: 0.5, avg_duration_ms: 300 }),
    device('new'),
  ]);
  const { parts } = score(device('new'), LANE, fleet, weighted);
  expect(parts.success_rate).toBeCloseTo(0.75, 12);
  expect(parts.response_time).toBeCloseTo(100 / 200, 12);
});

test('in a fleet without any history nobody is slower or worse than another, with an estimate or without', () => {
  const fleet = fleetOf([device('a'), device('b')]);
  for (const lane of [LANE, { ...LANE, estimated_duration: 30 }]) {
    expect(score(device('a'), lane, fleet, weighted).parts).toMatchObject({ success_rate: 1, response_time: 1 });
  }
});

test('a device that became faster than the best of the fleet has a response factor of 1, not more', () => {
  const fleet = fleetOf([device('a', { avg_duration_ms: 200 })]);
  expect(score(device('b', { avg_duration_ms: 50 }), LANE, fleet, weighted).parts.response_time).toBe(1);
});

test('a mean duration of 0 divides nothing', () => {
  const all = [device('a', { avg_duration_ms: 0 }), device('b', { avg_duration_ms: 10 })];
  expect(all.map((one) => score(one, LANE, fleetOf(all), weighted).parts.response_time)).toEqual([1, 0]);
});

test('weights that are all 0 leave the bonus of the region alone', () => {
  const policy = {
    ...weighted,
    weights: { load_factor: 0, capability_match: 0, success_rate: 0, response_time: 0 },
  };
  const lane = { task_type: 'sync_data', required_capabilities: { region: { prefer: 'cn-east' } } };
  const fleet = fleetOf([]);
  expect(score(device('a', { running: 4 }), lane, fleet, policy).total).toBe(0);
  expect(score(device('b', { region: 'cn-east' }), lane, fleet, policy).total).toBe(DEFAULT_POLICY.region_bonus);
});

test.each(['least_tasks', 'round_robin', 'weighted'] as const)(
  'the preferred region adds its bonus under %s',
  (strategy) => {
    const policy = { ...DEFAULT_POLICY, strategy, region_bonus: 0.15 };
    const lane = { task_type: 'sync_data', required_capabilities: { region: { prefer: ['cn-east', 'cn-north'] } } };
    const here = device('a', { region: 'cn-north', running: 2 });
    const there = { ...here, region: 'eu' };
    const fleet = fleetOf([here, there]);
    const difference = score(here, lane, fleet, policy).total - score(there, lane, fleet, policy).total;
    expect(difference).toBeCloseTo(0.15, 12);
    expect(score(here, LANE, fleet, policy).total).toBe(score(there, LANE, fleet, policy).total);
  },
);

test('least_tasks is the load factor alone; round_robin compares the recent claims alone', () => {
  const poor = { success_rate: 0.1, avg_duration_ms: 9000 };
  const all = [device('a', { ...poor, running: 1, recent_claims: 9 }), device('b', { running: 2, recent_claims: 3 })];
  const scores = (strategy: PlacementPolicy['strategy']) =>
    all.map((one) => score(one, LANE, fleetOf(all), { ...DEFAULT_POLICY, strategy }).total);
  expect(scores('least_tasks')[0]).toBeCloseTo(0.8, 12);
  expect(scores('least_tasks')[1]).toBeCloseTo(0.6, 12);
  const [more, fewer] = scores('round_robin');
  expect(fewer).toBeGreaterThan(more!);
});

test('whatever the figures, every part lies in 0–1, and more running tasks never raise a score', () => {
  const random = randomFrom(4);
  const wrong: string[] = [];
  for (let n = 0; n < 2000; n += 1) {
    const all = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, at) =>
      device(`d${at}`, {
        slots: Math.floor(random() * 20),
        running: Math.floor(random() * 25),
        success_rate: random() < 0.3 ? null : random(),
        avg_duration_ms: random() < 0.3 ? null : Math.floor(random() * 5000),
        recent_claims: Math.floor(random() * 100),
      }),
    );
    const strategy = (['least_tasks', 'round_robin', 'weighted'] as const)[n % 3]!;
    const policy = { ...DEFAULT_POLICY, strategy };
    for (const one of all) {
      const { parts, total } = score(one, LANE, fleetOf(all), policy);
      for (const [name, part] of Object.entries(parts)) {
        if (!(part >= 0 && part <= 1)) wrong.push(`${name} is ${part}`);
      }
      const busier = score({ ...one, running: one.running + 1 }, LANE, fleetOf(all), policy).total;
      if (!(busier <= total)) wrong.push(`${strategy}: ${busier} is more than ${total}`);
    }
  }
  expect(wrong).toEqual([]);
});
