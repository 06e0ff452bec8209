// What a score compares a device with: its fleet, its lane, and the minimum of the policy.
import { describe, expect, it } from 'vitest';
import { FLEET_KEYS } from '../../../../../src/core/domain/fleet-keys.ts';
import { aboveMinimum } from '../../../../../src/core/domain/placement/min-score.ts';
import { DEFAULT_POLICY } from '../../../../../src/core/domain/placement/policy.ts';
import { fleetOf, score } from '../../../../../src/core/domain/placement/score.ts';
import { device, LANE } from './devices.ts';

const weighted = { ...DEFAULT_POLICY, strategy: 'weighted' as const };

describe('a fleet', () => {
  it('is what its devices have in common; those without a history count for nothing in it', () => {
    const fleet = fleetOf([
      device('a', { success_rate: 1, avg_duration_ms: 100, recent_claims: 3 }),
      device('b', { success_rate: 0.5, avg_duration_ms: 300, recent_claims: 1 }),
      device('new', { recent_claims: 2 }),
    ]);
    expect(fleet).toEqual({ success_rate: 0.75, avg_duration_ms: 200, best_duration_ms: 100, recent_claims: 2 });
  });

  it('of nobody, or without any history, has no figures', () => {
    const nothing = { success_rate: null, avg_duration_ms: null, best_duration_ms: null, recent_claims: 0 };
    expect(fleetOf([])).toEqual(nothing);
    expect(fleetOf([device('a')])).toEqual(nothing);
  });
});

describe('the parts of a score', () => {
  it('has the turn: the fewer tasks than the mean of the fleet, the nearer to 1', () => {
    const fleet = fleetOf([device('a', { recent_claims: 2 }), device('b', { recent_claims: 4 })]);
    const turn = (recent: number) =>
      score(device('a', { recent_claims: recent }), LANE, fleet, DEFAULT_POLICY).parts.turn;
    expect([0, 4, 12].map(turn)).toEqual([1, 0.5, 0.25]);
  });

  it('compares a device with a history to the estimate where the fleet has none, in milliseconds', () => {
    const slow = device('a', { avg_duration_ms: 120_000 });
    const time = (lane: Parameters<typeof score>[1]) =>
      score(slow, lane, fleetOf([]), DEFAULT_POLICY).parts.response_time;
    expect(time({ ...LANE, estimated_duration: 30 })).toBe(0.25);
    expect(time({ ...LANE, estimated_duration: null })).toBe(1);
    expect(time(LANE)).toBe(1);
  });

  it('knows the region, of a device that has one and a task that prefers one', () => {
    const region = (own: string | null, prefer: unknown) =>
      score(
        device('a', { region: own }),
        { task_type: 'sync_data', required_capabilities: { region: { prefer } } },
        fleetOf([]),
        DEFAULT_POLICY,
      ).parts.region;
    expect([region('eu', 'eu'), region('eu', 'us'), region(null, 'eu'), region(null, [null])]).toEqual([1, 0, 0, 0]);
  });

  it('takes how much a device runs, and where, for nothing special', () => {
    const common = { supported_tasks: ['x'], max_concurrent: 5, max_concurrent_tasks: 5, region: 'eu' };
    const match = (special: Record<string, unknown>) =>
      score(device('a', { capabilities: { ...common, ...special } }), LANE, fleetOf([]), weighted).parts
        .capability_match;
    expect([match({}), match({ gpu: true }), match({ tags: ['x'] }), match({ tags: [] })]).toEqual([1, 0, 0, 1]);
  });
});

describe('the devices above the minimum', () => {
  const policy = { ...DEFAULT_POLICY, min_score: 0.4 };

  it('are those that may run the lane and score at least that much', () => {
    const devices = [
      device('above', { running: 1 }),
      device('at', { running: 3 }),
      device('below', { running: 4 }),
      device('away', { unavailable: 'is offline' }),
    ];
    expect(aboveMinimum(LANE, devices, policy).map((one) => one.device_id)).toEqual(['above', 'at']);
  });

  it('are compared with those that may run the lane, not with all', () => {
    const fast = device('fast', { avg_duration_ms: 1, capabilities: {} });
    const slow = device('slow', { avg_duration_ms: 1000 });
    const times = { load_factor: 0, capability_match: 0, success_rate: 0, response_time: 1 };
    const byTime = { ...weighted, weights: times, min_score: 0.9 };
    expect(aboveMinimum(LANE, [fast, slow], byTime)).toEqual([slow]);
  });
});

it('the fleet shares these keys, as the page says', () => {
  const shared = ['heartbeat_timeout', 'task_timeout', 'max_retry_count'].map((key) => `master.${key}`);
  const backoff = ['initial', 'max', 'jitter'].map((key) => `master.retry_backoff.${key}`);
  const weights = Object.keys(DEFAULT_POLICY.weights).map((key) => `load_balancer.weights.${key}`);
  const policy = Object.keys(DEFAULT_POLICY).filter((key) => key !== 'weights');
  const all = [...shared, ...backoff, ...weights, ...policy.map((key) => `load_balancer.${key}`)];
  expect(FLEET_KEYS.toSorted()).toEqual(all.sort());
  expect(policy).toEqual(['strategy', 'region_bonus', 'min_score']);
  expect(DEFAULT_POLICY.strategy).toBe('least_tasks');
});
