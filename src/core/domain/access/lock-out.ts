// After how many failed log-ins nobody may try again for a while.

/** Failures that are this far apart, in milliseconds, do not count together; and for as long nobody may try again. */
export const LOCK_OUT_MS = 15 * 60_000;

/**
 * With one name from one network; from one network, whatever the names; with one name, wherever from. Only the first is reached by
 * somebody who guesses at one place, so that they lock out nobody who is at another.
 */
export const MOST_FAILURES = { both: 5, network: 20, name: 50 } as const;

/** Milliseconds until one may try again; 0 = now. `ages`: milliseconds since the last `most` failures, the newest first. */
export function lockedForMs(ages: readonly number[], most: number): number {
  const newest = ages[0];
  const first = ages[most - 1];
  if (newest === undefined || first === undefined || first - newest > LOCK_OUT_MS) return 0;
  return Math.max(0, LOCK_OUT_MS - newest);
}
