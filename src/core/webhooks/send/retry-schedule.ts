// When a delivery that failed is sent again: within seconds at first, for about a day in all.

const SECONDS = [5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600, 9 * 3600];
const LONGEST_S = 24 * 3600;
/** Deliveries that failed together do not come back together. */
const JITTER = 0.2;

/**
 * Milliseconds until the next try, after `tries` of them; null = there is none. `retryAfterS`: what the answer asked for, at most a day.
 */
export function nextTryMs(tries: number, retryAfterS: number | undefined, random: () => number): number | null {
  const seconds = SECONDS[tries - 1];
  if (seconds === undefined) return null;
  const wanted = Math.min(retryAfterS ?? 0, LONGEST_S);
  return Math.round(1000 * Math.max(wanted, seconds * (1 + JITTER * (2 * random() - 1))));
}
