// The seeded simulation of bench/placement-sim.mjs, smaller: placement as a whole, not rule by rule. It runs from dist.
import { expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/core/domain/placement/policy.ts';

type Simulated = { shares: number[]; p99: number };
const load = (name: string) =>
  import(/* @vite-ignore */ new URL(`../../../bench/placement/${name}.mjs`, import.meta.url).href);
const { simulate, distance } = (await load('online')) as {
  simulate(options: object): Simulated;
  distance(a: number[], b: number[]): number;
};
const { makespan } = (await load('makespan')) as { makespan(options: object): { ms: number; bound: number } };

test.each(['least_tasks', 'round_robin', 'weighted'] as const)(
  '%s: eight independent senders place as a dispatcher that knows everything, and no task waits for a poll',
  (strategy) => {
    const run = (how: object) =>
      simulate({ policy: { ...DEFAULT_POLICY, strategy }, load: 0.2, tasks: 4000, seed: 5, how });
    const ringing = run({ kind: 'ring', senders: 8, states: true, fresh: 1000 });
    // Chance alone makes 1 % of so few tasks.
    expect(distance(ringing.shares, run({ kind: 'omniscient' }).shares)).toBeLessThan(0.04);
    expect(ringing.p99).toBeLessThan(20);
  },
);

test('what fewer devices can run first ends a mixed backlog earlier, near the lower bound', () => {
  const [inTurn, scarceFirst] = [false, true].map((scarce) => makespan({ tasks: 4000, seed: 3, scarce }));
  expect(scarceFirst!.ms).toBeLessThan(0.95 * inTurn!.ms);
  expect(scarceFirst!.ms).toBeLessThan(1.15 * scarceFirst!.bound);
});
