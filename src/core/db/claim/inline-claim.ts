// A deferred claim stands in columns of the task row (inline) instead of a row of its own: claimed_by is set as long as the
// attempt has none. Who writes that row clears the columns in the same transaction, under the task's lock.

/** For the SET of an UPDATE of the task table. */
export const NO_INLINE_CLAIM = 'claimed_by = NULL, claim_instance = NULL, claimed_at = NULL, claim_deadline = NULL';

/** Another program may have written a zero date, which no column of ours takes. */
export function realTime(column: string): string {
  return `IF(${column} >= TIMESTAMP'1970-01-01 00:00:00', ${column}, NULL)`;
}

/** An age for INTERVAL ? MICROSECOND; null makes the whole time NULL. */
export function microseconds(ageMs: number | null): number | null {
  return ageMs === null ? null : Math.round(ageMs * 1000);
}
