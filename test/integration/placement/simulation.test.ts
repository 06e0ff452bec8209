// The seeded simulation of bench/placement-sim.mjs, smaller: placement as a whole, not rule by rule. It runs from dist.
import { expect, test } from 'vitest';
import { DEFAULT_POLICY, type PlacementPolicy } from '../../../src/core/domain/placement/policy.ts';

interface Simulated {
  shares: number[];
  p50: number;
  p99: number;
}
type How =
  | { kind: 'omniscient' }
  | { kind: 'poll' }
  | { kind: 'ring'; senders: number; states: boolean; fresh?: number };
const load = (name: string): Promise<unknown> =>
  import(/* @vite-ignore */ new URL(`../../../bench/placement/${name}.mjs`, import.meta.url).href);
const { simulate, distance } = (await load('online')) as {
  simulate(options: { policy: PlacementPolicy; load: number; tasks: number; seed: number; how: How }): Simulated;
  distance(a: number[], b: number[]): number;
};
const { makespan } = (await load('makespan')) as {
  makespan(options: { tasks: number; seed: number; scarce: boolean }): { ms: number; bound: number };
};

const EIGHT: How = { kind: 'ring', senders: 8, states: true, fresh: 1000 };

test.each(['least_tasks', 'round_robin', 'weighted'] as const)(
  '%s: eight independent senders place as a dispatcher that knows everything, and no task waits for a poll',
  (strategy) => {
    const policy = { ...DEFAULT_POLICY, strategy };
    for (const at of [0.05, 0.2, 0.5]) {
      const run = (how: How) => simulate({ policy, load: at, tasks: 4000, seed: 5, how });
      const ringing = run(EIGHT);
      // Chance alone makes 1 % of so few tasks.
      expect(distance(ringing.shares, run({ kind: 'omniscient' }).shares)).toBeLessThan(0.04);
      expect(ringing.p99).toBeLessThan(20);
    }
  },
);

test('without rings, at low load, slow devices get what fast ones should: the simulation can tell', () => {
  const policy = { ...DEFAULT_POLICY, strategy: 'weighted' as const };
  const run = (how: How) => simulate({ policy, load: 0.05, tasks: 2000, seed: 5, how });
  expect(distance(run({ kind: 'poll' }).shares, run({ kind: 'omniscient' }).shares)).toBeGreaterThan(0.4);
});

test('what fewer devices can run first ends a mixed backlog earlier, near the lower bound', () => {
  const [inTurn, scarceFirst] = [false, true].map((scarce) => makespan({ tasks: 4000, seed: 3, scarce }));
  expect(scarceFirst!.ms).toBeLessThan(0.95 * inTurn!.ms);
  expect(scarceFirst!.ms).toBeLessThan(1.15 * scarceFirst!.bound);
});
