import { createHash } from 'node:crypto';

/** Numbers in [0, 1) that depend on the seed and the keys alone: the same question always gets the same answer. */
export type Random = () => number;

/** A stream of its own for each set of keys, so that the order of requests changes nothing. */
export function random(seed: number, ...keys: (string | number)[]): Random {
  const digest = createHash('sha256')
    .update([seed, ...keys].join('\u0000'))
    .digest();
  let state = digest.readUInt32LE(0);
  // mulberry32: small, and even enough for made-up figures.
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(next: Random, low: number, high: number): number {
  return low + Math.floor(next() * (high - low + 1));
}
