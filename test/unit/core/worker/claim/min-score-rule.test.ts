import { expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../../../../src/core/domain/placement/policy.ts';
import { MinScoreRule } from '../../../../../src/core/worker/claim/min-score-rule.ts';
import { device, LANE } from '../../domain/placement/devices.ts';

const policy = (min_score: number) => ({ ...DEFAULT_POLICY, min_score });
const full = { running: 5 };

test('without a minimum nobody has to know the others; with one, nothing is claimed before they are known', () => {
  const none = new MinScoreRule('a', policy(0), () => 5);
  expect([none.wanted, none.unknown, none.defers(LANE)]).toEqual([false, false, false]);
  const standing = new MinScoreRule('a', policy(0.5), () => 0);
  expect([standing.wanted, standing.unknown, standing.defers(LANE)]).toEqual([true, true, true]);
  // Its own row is not there: it yields to nobody.
  standing.update([device('b')]);
  expect([standing.unknown, standing.defers(LANE)]).toEqual([false, false]);
});

test('below it a device yields while another one is above, by its load of now', () => {
  let running = 0;
  const standing = new MinScoreRule('a', policy(0.5), () => running);
  standing.update([device('a', full), device('b')]);
  expect(standing.defers(LANE)).toBe(false);
  running = 3;
  expect(standing.defers(LANE)).toBe(true);
  standing.update([device('a'), device('b', full)]);
  expect(standing.defers(LANE)).toBe(false);
});
