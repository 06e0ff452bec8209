// Invariant: a log-in has its row before its password is looked at, so that those that come at one moment count each other. Who is locked
// out follows from the rows. Index: idx_name_hash; idx_network; idx_at. Zero rows: nothing failed lately.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** What failures are counted by: the name, the network, or both. */
export interface Origin {
  name_hash?: Buffer;
  network?: string;
}

/** Old rows that are forgotten when one is added. */
const FORGOTTEN = 100;

/** Its id. Rows older than `keptS` seconds are forgotten. @throws DatabaseError */
export async function insertFailure(
  session: Session,
  names: TableNames,
  { name_hash, network }: Required<Origin>,
  keptS: number,
): Promise<string> {
  await session.write(
    `DELETE FROM ${names.loginFailure} WHERE at < UTC_TIMESTAMP(3) - INTERVAL ? SECOND ORDER BY at LIMIT ${FORGOTTEN}`,
    [keptS],
  );
  const { insertId } = await session.write(
    `INSERT INTO ${names.loginFailure} (name_hash, network, at) VALUES (?, ?, UTC_TIMESTAMP(3))`,
    [name_hash, network],
  );
  return String(insertId);
}

/**
 * Milliseconds since the failures, without this one, the newest first. Later rows count too: of those that come at one moment, none knows
 * which of the others will be seen, and one refused too many is better than one guess. @throws DatabaseError
 */
export async function agesOfFailures(
  session: Session,
  names: TableNames,
  { name_hash, network }: Origin,
  { without, sinceS, most }: { without: string; sinceS: number; most: number },
): Promise<number[]> {
  const by = [
    ...(name_hash === undefined ? [] : ['name_hash = ?']),
    ...(network === undefined ? [] : ['network = ?']),
  ].join(' AND ');
  const values = [name_hash, network].filter((one) => one !== undefined);
  const rows = await session.rows(
    `SELECT TIMESTAMPDIFF(MICROSECOND, at, UTC_TIMESTAMP(3)) AS us FROM ${names.loginFailure}
     WHERE ${by} AND id <> ? AND at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND ORDER BY id DESC LIMIT ?`,
    [...values, without, sinceS, most],
  );
  return rows.map((row) => Number(row.us) / 1000);
}

/** It was none. @throws DatabaseError */
export async function deleteFailure(session: Session, names: TableNames, id: string): Promise<void> {
  await session.write(`DELETE FROM ${names.loginFailure} WHERE id = ?`, [id]);
}

/** False = there was none. @throws DatabaseError */
export async function deleteFailures(
  session: Session,
  names: TableNames,
  { name_hash, network }: { name_hash: Buffer; network?: string },
): Promise<boolean> {
  const at = network === undefined ? '' : ' AND network = ?';
  const { affectedRows } = await session.write(
    `DELETE FROM ${names.loginFailure} WHERE name_hash = ?${at}`,
    network === undefined ? [name_hash] : [name_hash, network],
  );
  return affectedRows > 0;
}
