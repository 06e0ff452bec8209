export interface RetryPolicy {
  /** Seconds before the first retry. */
  initial: number;
  /** No wait is longer, before jitter. Seconds. */
  max: number;
  /** Share by which a wait may be longer or shorter, 0–1: so that what failed together does not come back together. */
  jitter: number;
}

/**
 * Seconds to wait before the next try of a task after this many spent attempts: initial · 2^(retry−1), at most max, ±
 * jitter. `random` is a number in [0, 1).
 */
export function backoff(retry: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const doublings = Math.min(Math.max(Math.trunc(retry) - 1, 0), 60);
  const plain = Math.min(policy.max, policy.initial * 2 ** doublings);
  return plain * (1 + policy.jitter * (2 * random() - 1));
}

/** True when a task may be tried again after this many spent attempts: N retries are N + 1 attempts. */
export function mayRetry(retry: number, maxRetryCount: number): boolean {
  return retry <= maxRetryCount;
}

/** One more than that. The columns are INT, and another program may have put any number there. */
export function oneMore(count: number): number {
  return Math.min(count + 1, 2_147_483_647);
}
