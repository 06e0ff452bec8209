/** Longest run of an attempt, in seconds. A timer of Node counts milliseconds in 32 bits; a longer one would fire at once. */
export const LONGEST_TIMEOUT_S = 2_147_483;

/**
 * Seconds that an attempt may run: `own`, of its task, else `otherwise`, of its handler or of the fleet; at least 1. An `own` of zero or less,
 * as only a program can write that inserts rows itself, counts as none: its deadline would be over before the handler begins.
 */
export function timeoutSeconds(own: number | string | null, otherwise: number): number {
  // A number beyond 2^53 comes from the driver as text.
  const wanted = Number(own ?? 0);
  return wanted > 0 ? Math.min(Math.max(1, wanted), LONGEST_TIMEOUT_S) : Math.min(otherwise, LONGEST_TIMEOUT_S);
}
