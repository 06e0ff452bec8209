// Appends pieces of run logs. No fence: what a device printed for an attempt stays true when the attempt is lost, and no
// other attempt has its number. Its own rows only, so that no statement of a claim waits for it. Zero rows is an error of the server.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LoggedAttempt } from './logged-attempt.ts';
import { type LogTrim, trimStatement } from './trim-log.ts';

export interface LogPiece extends LoggedAttempt {
  device_id: string;
  /** Bytes of output before the piece, and with it. */
  from_byte: number;
  to_byte: number;
  line_count: number;
  /** The lines, compressed. */
  body: Buffer;
}

/**
 * Inserts the pieces in their order and trims what then exceeds its quota: all or none, in one round trip. Needs
 * `multiStatements`. @throws DatabaseError
 */
export async function writeLog(
  session: Session,
  names: TableNames,
  pieces: LogPiece[],
  trims: LogTrim[] = [],
): Promise<void> {
  try {
    await session.batch([
      { sql: 'START TRANSACTION' },
      insertStatement(names, pieces),
      ...trims.map((one) => trimStatement(names, one)),
      { sql: 'COMMIT' },
    ]);
  } catch (error) {
    // A connection that is lost rolls back by itself.
    if (session.alive) await session.write('ROLLBACK');
    throw error;
  }
}

function insertStatement(names: TableNames, pieces: LogPiece[]): { sql: string; values: unknown[] } {
  const row = '(?, ?, ?, ?, ?, ?, ?)';
  return {
    sql: `INSERT INTO ${names.log} (task_id, attempt, device_id, from_byte, to_byte, line_count, body)
     VALUES ${pieces.map(() => row).join(', ')}`,
    values: pieces.flatMap((one) => [
      one.task_id,
      one.attempt,
      one.device_id,
      one.from_byte,
      one.to_byte,
      one.line_count,
      one.body,
    ]),
  };
}
