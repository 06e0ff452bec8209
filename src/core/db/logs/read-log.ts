// Reads pieces of run logs, a batch at a time, without a lock. Zero rows: nothing (more) was printed, or it was older
// than the history.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LoggedAttempt } from './logged-attempt.ts';
import type { LogPiece } from './write-log.ts';

/** Of one answer. A piece has some tens of kilobytes at most. */
export const BATCH_PIECES = 32;

export interface StoredPiece extends LogPiece {
  /** Order of the pieces of one device. */
  id: number;
}

const COLUMNS = 'id, task_id, attempt, device_id, from_byte, to_byte, line_count, body';

/** The next pieces of an attempt that begin at `fromByte` or later, by idx_attempt. @throws DatabaseError */
export async function attemptLog(
  session: Session,
  names: TableNames,
  { task_id, attempt }: LoggedAttempt,
  fromByte: number,
): Promise<StoredPiece[]> {
  const rows = await session.rows<StoredPiece>(
    `SELECT ${COLUMNS} FROM ${names.log} WHERE task_id = ? AND attempt = ? AND from_byte >= ?
     ORDER BY task_id, attempt, from_byte LIMIT ${BATCH_PIECES}`,
    [task_id, attempt, fromByte],
  );
  return rows.map(piece);
}

/** The next pieces of a device behind this id, by idx_device_id. @throws DatabaseError */
export async function deviceLog(
  session: Session,
  names: TableNames,
  deviceId: string,
  afterId: number,
): Promise<StoredPiece[]> {
  const rows = await session.rows<StoredPiece>(
    `SELECT ${COLUMNS} FROM ${names.log} WHERE device_id = ? AND id > ? ORDER BY device_id, id LIMIT ${BATCH_PIECES}`,
    [deviceId, afterId],
  );
  return rows.map(piece);
}

/** The id behind which the pieces of the last seconds are, of at most the last 100,000 pieces of a device. @throws DatabaseError */
export async function deviceLogStart(
  session: Session,
  names: TableNames,
  deviceId: string,
  seconds: number,
): Promise<number> {
  const [row] = await session.rows<{ id: number | null }>(
    `SELECT MIN(id) AS id FROM (
       SELECT id, written_at FROM ${names.log} WHERE device_id = ? ORDER BY device_id DESC, id DESC LIMIT 100000
     ) AS newest WHERE written_at >= UTC_TIMESTAMP(3) - INTERVAL ? SECOND`,
    [deviceId, seconds],
  );
  if (row !== undefined && row.id !== null) return Number(row.id) - 1;
  const [last] = await session.rows<{ id: number | null }>(
    `SELECT MAX(id) AS id FROM ${names.log} WHERE device_id = ?`,
    [deviceId],
  );
  return Number(last?.id ?? 0);
}

function piece(row: StoredPiece): StoredPiece {
  return { ...row, from_byte: Number(row.from_byte), to_byte: Number(row.to_byte) };
}
