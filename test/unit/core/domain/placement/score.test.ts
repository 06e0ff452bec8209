// How well a device suits a lane, and what its score compares it with: its fleet, its lane, the minimum of the policy.
import { describe, expect, it } from 'vitest';
import { FLEET_KEYS } from '../../../../../src/core/domain/fleet-keys.ts';
import type { DeviceView } from '../../../../../src/core/domain/placement/device-view.ts';
import type { Lane } from '../../../../../src/core/domain/placement/lane.ts';
import { aboveMinimum } from '../../../../../src/core/domain/placement/min-score.ts';
import { DEFAULT_POLICY, type PlacementPolicy } from '../../../../../src/core/domain/placement/policy.ts';
import { fleetOf, score } from '../../../../../src/core/domain/placement/score.ts';
import { device, LANE } from './devices.ts';

const weighted: PlacementPolicy = { ...DEFAULT_POLICY, strategy: 'weighted' };
const NO_WEIGHT = { load_factor: 0, capability_match: 0, success_rate: 0, response_time: 0 };
/** The parts of the score of a device that is special in this, in a fleet of these. */
const parts = (special: Partial<DeviceView>, lane: Partial<Lane> = {}, fleet: DeviceView[] = []) =>
  score(device('a', special), { ...LANE, ...lane }, fleetOf(fleet), weighted).parts;
const prefers = (prefer: unknown) => ({ required_capabilities: { region: { prefer } } });

describe('a fleet', () => {
  it('is what its devices have in common; those without a history count for nothing in it', () => {
    const old = device('a', { success_rate: 1, avg_duration_ms: 100, recent_claims: 3 });
    const slow = device('b', { success_rate: 0.5, avg_duration_ms: 300, recent_claims: 1 });
    const mean = { success_rate: 0.75, avg_duration_ms: 200, best_duration_ms: 100, recent_claims: 2 };
    expect(fleetOf([old, slow, device('new', { recent_claims: 2 })])).toEqual(mean);
    expect(parts({}, {}, [old, slow])).toMatchObject({ success_rate: 0.75, response_time: 0.5 });
  });

  it('of nobody, or without any history, has no figures, and nobody is slower or worse than another', () => {
    const nothing = { success_rate: null, avg_duration_ms: null, best_duration_ms: null, recent_claims: 0 };
    expect(fleetOf([])).toEqual(nothing);
    expect(fleetOf([device('a')])).toEqual(nothing);
    for (const lane of [{}, { estimated_duration: 30 }])
      expect(parts({}, lane, [device('a')])).toMatchObject({ success_rate: 1, response_time: 1 });
  });

  it('shares these keys, as the page says', () => {
    const shared = ['heartbeat_timeout', 'task_timeout', 'max_retry_count'].map((key) => `master.${key}`);
    const backoff = ['initial', 'max', 'jitter'].map((key) => `master.retry_backoff.${key}`);
    const weights = Object.keys(DEFAULT_POLICY.weights).map((key) => `load_balancer.weights.${key}`);
    const policy = ['strategy', 'region_bonus', 'min_score'].map((key) => `load_balancer.${key}`);
    expect(FLEET_KEYS.toSorted()).toEqual([...shared, ...backoff, ...weights, ...policy].sort());
    expect(DEFAULT_POLICY.strategy).toBe('least_tasks');
  });
});

describe('a score', () => {
  it('is 0.4·load + 0.3·match + 0.2·success + 0.1·response, as the design document says', () => {
    const capabilities = { supported_tasks: ['sync_data'], proxy_support: true, browser_support: true };
    const worker = device('a', { running: 3, capabilities, success_rate: 0.9, avg_duration_ms: 120_000 });
    const lane = { ...LANE, required_capabilities: { proxy_support: true } };
    const found = score(worker, lane, fleetOf([worker, device('b', { avg_duration_ms: 60_000 })]), weighted);
    const expected = { load_factor: 0.4, capability_match: 0.5, success_rate: 0.9, response_time: 0.5 };
    expect(found.parts).toMatchObject(expected);
    expect(found.total).toBeCloseTo(0.4 * 0.4 + 0.3 * 0.5 + 0.2 * 0.9 + 0.1 * 0.5, 12);
  });

  it('has the load factor: the share of free slots, 0 without any, or when its slots were lowered', () => {
    const load = (running: number, slots: number) => parts({ running, slots }).load_factor;
    expect([load(1, 5), load(5, 5), load(7, 5), load(0, 0)]).toEqual([0.8, 0, 0, 0]);
  });

  it.each([
    ['nothing special, nothing asked', {}, null, 1],
    ['a browser that plain tasks do not need', { browser: true }, null, 0],
    ['a browser that is asked for', { browser: true }, { browser: true }, 1],
    ['one of two specials', { browser: true, proxy: true }, { browser: true }, 1 / 2],
    ['a list that is not asked for', { tags: ['x'] }, null, 0],
    ['a number and a list, both asked for', { memory_gb: 32, os: ['linux'] }, { memory_gb: 8, os: 'linux' }, 1],
    ['what is offered as no is no special', { browser: false, proxy: null, tags: [], gpu: 0, os: '' }, null, 1],
    ['what is asked as no is not used', { browser: true }, { browser: false }, 0],
    [
      'how much, and where',
      { max_concurrent: 5, max_concurrent_tasks: 5, max_per_type: { x: 1 }, region: 'eu' },
      null,
      1,
    ],
  ])('has the capability match of %s', (_, special, required_capabilities, expected) => {
    const capabilities = { supported_tasks: ['sync_data'], ...special };
    expect(parts({ capabilities }, { required_capabilities }).capability_match).toBeCloseTo(expected, 12);
  });

  it('has the response time compared with the best, or the estimate in milliseconds where the fleet has none', () => {
    const fast = device('b', { avg_duration_ms: 200 });
    const never = device('c', { avg_duration_ms: 0 });
    expect(parts({ avg_duration_ms: 50 }, {}, [fast]).response_time).toBe(1);
    expect(parts({ avg_duration_ms: 0 }, {}, [fast, never]).response_time).toBe(1);
    expect(parts({ avg_duration_ms: 10 }, {}, [fast, never]).response_time).toBe(0);
    const slow = { avg_duration_ms: 120_000 };
    expect(parts(slow, { estimated_duration: 30 }).response_time).toBe(0.25);
    expect(parts(slow, { estimated_duration: null }).response_time).toBe(1);
    expect(parts(slow).response_time).toBe(1);
  });

  it('has the turn: the fewer tasks than the mean of the fleet, the nearer to 1', () => {
    const fleet = [device('a', { recent_claims: 2 }), device('b', { recent_claims: 4 })];
    expect([0, 4, 12].map((recent_claims) => parts({ recent_claims }, {}, fleet).turn)).toEqual([1, 0.5, 0.25]);
  });

  it('has the region, of a device that has one and a task that prefers one', () => {
    const region = (own: string | null, prefer: unknown) => parts({ region: own }, prefers(prefer)).region;
    expect([region('eu', ['us', 'eu']), region('eu', 'us'), region(null, 'eu')]).toEqual([1, 0, 0]);
  });

  it.each([
    ['least_tasks', 0.8],
    ['round_robin', 0.5],
    ['weighted', 0],
  ] as const)(
    'is under %s the load factor, the turn or what has a weight, and the bonus of the region',
    (strategy, alone) => {
      const policy = { ...DEFAULT_POLICY, strategy, region_bonus: 0.15, weights: NO_WEIGHT };
      const total = (region: string | null) =>
        score(device('a', { region, running: 1, recent_claims: 1 }), { ...LANE, ...prefers('eu') }, fleetOf([]), policy)
          .total;
      expect(total(null)).toBe(alone);
      expect(total('eu')).toBeCloseTo(alone + 0.15, 12);
    },
  );
});

describe('the devices above the minimum', () => {
  it('are those that may run the lane and score at least that much, compared with each other alone', () => {
    const devices = [3, 4, 1].map((running) => device(`with ${running}`, { running }));
    const gone = device('gone', { unavailable: 'is offline' });
    const above = aboveMinimum(LANE, [...devices, gone], { ...DEFAULT_POLICY, min_score: 0.4 });
    expect(above.map((one) => one.device_id)).toEqual(['with 3', 'with 1']);
    const fast = device('fast', { avg_duration_ms: 1, capabilities: {} });
    const slow = device('slow', { avg_duration_ms: 1000 });
    const byTime = { ...weighted, weights: { ...NO_WEIGHT, response_time: 1 }, min_score: 0.9 };
    expect(aboveMinimum(LANE, [fast, slow], byTime)).toEqual([slow]);
  });
});
