import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A lease as its holder knows it. */
export interface HeldLease {
  device_id: string;
  instance_token: Buffer;
  term: number;
}

/**
 * Extends the lease from the database's now. Invariant: an expired lease is never extended, nor one of another term,
 * even by the same holder. One row by PRIMARY. Zero rows (false) = the lease is lost.
 */
export async function renewLeader(
  session: Session,
  names: TableNames,
  lease: HeldLease,
  leaseS: number,
): Promise<boolean> {
  const result = await session.write(
    `UPDATE ${names.leader}
     SET renewed_at = UTC_TIMESTAMP(3), expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND
     WHERE name = 'leader' AND holder = ? AND holder_token = ? AND term = ? AND expires_at > UTC_TIMESTAMP(3)`,
    [Math.round(leaseS * 1e6), lease.device_id, lease.instance_token, lease.term],
  );
  return result.affectedRows === 1;
}
