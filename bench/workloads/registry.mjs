import { count, drain } from './drain.mjs';

/**
 * `run(peer, {workers, slots, n})` returns the figures of one repetition. `n`: tasks by default, before a profile's share.
 * `only`: peers that can be measured so.
 */
export const WORKLOADS = {
  drain: { run: drain, n: 40_000, figure: 'tasks_per_s' },
  'round-trips': { run: count, n: 10_000, only: ['afd'] },
};
