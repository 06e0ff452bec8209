import { AfdError } from '../../domain/errors.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A leadership: the holder and the term. */
export interface Lease {
  holder: string;
  term: number;
}

/** Control flow, not a failure: this term is over, whatever its duties think. Nothing of the transaction was written. */
export class NotLeader extends AfdError {
  readonly lease: Lease;

  constructor(lease: Lease) {
    super('E_CONFLICT', `${lease.holder} is no longer the leader of term ${lease.term}, so the write was refused.`, {
      suggestions: ['afd leader status'],
      data: { device_id: lease.holder, term: lease.term },
    });
    this.name = 'NotLeader';
    this.lease = lease;
  }
}

/**
 * The fence: the last statement before COMMIT of every transaction of a duty. Its share lock holds off acquisition and
 * renewal until that COMMIT. One row by PRIMARY (MariaDB has no FOR SHARE). Zero rows = the lease is expired, resigned or
 * held under another term: the caller rolls back.
 * @throws NotLeader
 */
export async function assertLeader(session: Session, names: TableNames, lease: Lease): Promise<void> {
  const rows = await session.rows(
    `SELECT term FROM ${names.leader}
     WHERE name = 'leader' AND holder = ? AND term = ? AND expires_at > UTC_TIMESTAMP(3) LOCK IN SHARE MODE`,
    [lease.holder, lease.term],
  );
  if (rows.length === 0) throw new NotLeader(lease);
}
