// Invariant: reads the one row of the lease, by PRIMARY, without a lock. Zero rows: nobody has ever led.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface LeaseRenewal {
  /** Milliseconds since 1970, by the clock of the server that wrote it. */
  renewedMs: number;
  /** How long ago that was, by the clock of this server. */
  ageMs: number;
}

/** When the lease was last renewed, as this server knows it; undefined = never. @throws DatabaseError */
export async function leaseRenewal(session: Session, names: TableNames): Promise<LeaseRenewal | undefined> {
  const [row] = await session.rows(
    `SELECT renewed_at, TIMESTAMPDIFF(MICROSECOND, renewed_at, UTC_TIMESTAMP(3)) AS age_us FROM ${names.leader}
     WHERE name = 'leader' AND renewed_at IS NOT NULL`,
  );
  return row === undefined
    ? undefined
    : { renewedMs: Date.parse(utcToIso(row.renewed_at) ?? ''), ageMs: Number(row.age_us) / 1000 };
}
