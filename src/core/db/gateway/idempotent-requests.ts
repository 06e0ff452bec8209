// Invariant: of the requests with one key, one at a time is answered, and only its owner writes the answer. Index: PRIMARY, and
// idx_begun_at for what is old. Zero rows of an update: another request has taken the key over.
import { isDuplicate } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface IdempotentRequest {
  request_key: Buffer;
  body_hash: Buffer;
  /** Random, 16 bytes. */
  owner: Buffer;
}

export type Begun =
  | { kind: 'begun' }
  /** It was answered before. */
  | { kind: 'answered'; answer: string }
  | { kind: 'other-body' | 'under-way' };

/** Rows of one DELETE. */
const MOST_OLD = 1000;

/** A request that was begun longer ago than `staleS` seconds, and not answered, is taken over: its gateway is gone. @throws DatabaseError */
export async function beginRequest(
  session: Session,
  names: TableNames,
  { request_key, body_hash, owner }: IdempotentRequest,
  staleS: number,
): Promise<Begun> {
  try {
    await session.write(
      `INSERT INTO ${names.request} (request_key, body_hash, begun_at, owner) VALUES (?, ?, UTC_TIMESTAMP(3), ?)`,
      [request_key, body_hash, owner],
    );
    return { kind: 'begun' };
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
  const [row] = await session.rows<{ body_hash: Buffer; answer: string | null }>(
    `SELECT body_hash, answer FROM ${names.request} WHERE request_key = ?`,
    [request_key],
  );
  if (row === undefined) return { kind: 'under-way' };
  if (!row.body_hash.equals(body_hash)) return { kind: 'other-body' };
  if (row.answer !== null) return { kind: 'answered', answer: row.answer };
  const { affectedRows } = await session.write(
    `UPDATE ${names.request} SET owner = ?, begun_at = UTC_TIMESTAMP(3)
     WHERE request_key = ? AND answer IS NULL AND begun_at < UTC_TIMESTAMP(3) - INTERVAL ? SECOND`,
    [owner, request_key, staleS],
  );
  return { kind: affectedRows === 1 ? 'begun' : 'under-way' };
}

/** False: another gateway has taken the request over. @throws DatabaseError */
export async function answerRequest(
  session: Session,
  names: TableNames,
  { request_key, owner }: IdempotentRequest,
  answer: string,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.request} SET answer = ? WHERE request_key = ? AND owner = ?`,
    [answer, request_key, owner],
  );
  return affectedRows === 1;
}

/**
 * The key is free again, unless the request was answered: where the answer to a COMMIT was lost, this waits for its transaction.
 * @throws DatabaseError
 */
export async function freeRequest(
  session: Session,
  names: TableNames,
  { request_key, owner }: IdempotentRequest,
): Promise<void> {
  await session.write(`DELETE FROM ${names.request} WHERE request_key = ? AND owner = ? AND answer IS NULL`, [
    request_key,
    owner,
  ]);
}

/** Deletes requests that were begun longer ago than `seconds`. Returns how many. @throws DatabaseError */
export async function deleteRequests(session: Session, names: TableNames, seconds: number): Promise<number> {
  const { affectedRows } = await session.write(
    `DELETE FROM ${names.request} WHERE begun_at < UTC_TIMESTAMP(3) - INTERVAL ? SECOND ORDER BY begun_at LIMIT ${MOST_OLD}`,
    [seconds],
  );
  return affectedRows;
}
