import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LeaseRow } from './read-lease.ts';

export interface Candidacy {
  device_id: string;
  instance_token: Buffer;
  /** Seconds. */
  lease_s: number;
  /** A holder found dead: its unexpired lease may be taken, if the row is still as it was seen. */
  dead?: LeaseRow | undefined;
}

/**
 * Takes the lease if it is expired, resigned, held by an instance of this device (there is one at a time, and an answer
 * may have been lost), or by the dead holder that was seen. Invariant: each term is given to one instance. One row by
 * PRIMARY. Zero rows = another node holds it: undefined. The term is read back by the instance's token: LAST_INSERT_ID
 * would save that round trip, but an audit trigger on the table takes it away.
 *
 * A frozen transaction of the leader before keeps its share lock on the row until the server ends its connection. This
 * does not wait for it: this session also sends heartbeats, and no node can be elected before. Undefined then too.
 */
export async function electLeader(
  session: Session,
  names: TableNames,
  candidacy: Candidacy,
): Promise<number | undefined> {
  const { device_id, instance_token, lease_s, dead } = candidacy;
  const free = await session.rows(`SELECT 1 FROM ${names.leader} WHERE name = 'leader' FOR UPDATE SKIP LOCKED`);
  if (free.length === 0) return undefined;
  const result = await session.write(
    `UPDATE ${names.leader}
     SET term = term + 1, holder = ?, holder_token = ?, acquired_at = UTC_TIMESTAMP(3),
         renewed_at = UTC_TIMESTAMP(3), expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND
     WHERE name = 'leader' AND (holder IS NULL OR expires_at IS NULL OR expires_at <= UTC_TIMESTAMP(3) OR holder = ?
       OR (holder = ? AND holder_token <=> ? AND term = ? AND renewed_at <=> ?))`,
    [
      device_id,
      instance_token,
      Math.round(lease_s * 1e6),
      device_id,
      dead?.holder ?? null,
      dead?.holder_token ?? null,
      dead?.term ?? null,
      dead?.renewed_at ?? null,
    ],
  );
  if (result.affectedRows !== 1) return undefined;
  const [mine] = await session.rows<{ term: number }>(
    `SELECT term FROM ${names.leader} WHERE name = 'leader' AND holder_token = ?`,
    [instance_token],
  );
  return mine?.term;
}
