import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** The leader row, and what the database knows about its holder. Times are strings as the server spelled them, UTC. */
export interface LeaseRow {
  holder: string | null;
  holder_token: Buffer | null;
  term: number;
  renewed_at: string | null;
  /** 1 = not expired. */
  valid: 0 | 1;
  /** Status in the holder's device row; null = there is none. */
  device_status: 'online' | 'offline' | 'busy' | null;
  instance_token: Buffer | null;
  last_heartbeat: string | null;
  lock_taken_at: string | null;
  /** 1 = its session lock is free, was taken on this server since its start, and the server is old enough to judge by it. */
  lock_free: 0 | 1;
}

/**
 * What a follower reads before it acquires. Non-locking, one row by PRIMARY and one by device_id. `startedAt` is exact
 * to a second only, hence the allowance of two. Undefined = the leader row is missing.
 */
export async function readLease(
  session: Session,
  names: TableNames,
  trustAfterStartS: number,
): Promise<LeaseRow | undefined> {
  const { from, lockFree, values } = parts(session, names, trustAfterStartS);
  const [row] = await session.rows<LeaseRow>(
    `SELECT l.holder, l.holder_token, l.term, l.renewed_at, ${VALID} AS valid, d.status AS device_status,
       d.instance_token, d.last_heartbeat, d.lock_taken_at, ${lockFree} AS lock_free ${from}`,
    values,
  );
  return row;
}

const VALID = 'COALESCE(l.expires_at > UTC_TIMESTAMP(3), 0)';

function parts(session: Session, names: TableNames, trustAfterStartS: number) {
  const { serverName, startedAt } = session.facts;
  return {
    from: `FROM ${names.leader} l LEFT JOIN ${names.device} d ON d.device_id = l.holder WHERE l.name = 'leader'`,
    lockFree: `COALESCE(d.lock_name IS NOT NULL AND d.lock_server = ?
         AND d.lock_taken_at >= CAST(? AS DATETIME(3)) - INTERVAL 2 SECOND
         AND UTC_TIMESTAMP(3) >= CAST(? AS DATETIME(3)) + INTERVAL ? MICROSECOND
         AND IS_USED_LOCK(COALESCE(d.lock_name, 'afd:none')) IS NULL, 0)`,
    values: [serverName, startedAt, startedAt, Math.round(trustAfterStartS * 1e6)],
  };
}

/** The same as a branch of the tick. */
export function leaseDocument(session: Session, names: TableNames, trustAfterStartS: number) {
  const { from, lockFree, values } = parts(session, names, trustAfterStartS);
  const sql = `SELECT 'lease', 0, JSON_OBJECT('holder', l.holder, 'holder_token', HEX(l.holder_token), 'term', l.term,
      'renewed_at', CAST(l.renewed_at AS CHAR), 'valid', ${VALID}, 'device_status', CAST(d.status AS CHAR),
      'instance_token', HEX(d.instance_token), 'last_heartbeat', CAST(d.last_heartbeat AS CHAR),
      'lock_taken_at', CAST(d.lock_taken_at AS CHAR), 'lock_free', ${lockFree}) ${from}`;
  return { sql, values };
}

export function leaseOf(document: Row): LeaseRow {
  const { holder_token: holder, instance_token: instance } = document;
  return {
    ...(document as LeaseRow),
    holder_token: holder === null ? null : Buffer.from(holder, 'hex'),
    instance_token: instance === null ? null : Buffer.from(instance, 'hex'),
    valid: document.valid ? 1 : 0,
    lock_free: document.lock_free ? 1 : 0,
  };
}
