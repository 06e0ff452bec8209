import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface Start {
  assignment_id: number;
  claim_token: Buffer;
  /** Milliseconds since the handler began. */
  age_ms: number;
  /** Seconds from the start to the leader's backstop. */
  lease_s: number;
}

/**
 * Writes that attempts which run for a while have begun, and makes their deadline exact. Fenced by token and open
 * status; returns the assignments that are no longer ours (zero rows: ended or taken back).
 */
export async function flushStarts(session: Session, names: TableNames, starts: Start[]): Promise<number[]> {
  if (starts.length === 0) return [];
  const results = await session.batch(
    starts.map((one) => ({
      sql: `UPDATE ${names.assignment} SET status = 'running', cause = NULL, updated_at = UTC_TIMESTAMP(3),
              started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND),
              deadline_at = UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND + INTERVAL ? SECOND
            WHERE id = ? AND claim_token = ? AND status IN ('assigned', 'running')`,
      values: [
        Math.round(one.age_ms * 1000),
        Math.round(one.age_ms * 1000),
        one.lease_s,
        one.assignment_id,
        one.claim_token,
      ],
    })),
  );
  return starts.flatMap((one, n) => (results[n]?.affectedRows === 1 ? [] : [one.assignment_id]));
}
