// Appends pieces of run logs. No fence: what a device printed for an attempt stays true when the attempt is lost, and no
// other attempt has its number. Its own rows only, so that no statement of a claim waits for it.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Which attempt a piece of log belongs to. */
export interface LoggedAttempt {
  task_id: number;
  attempt: number;
}

export interface LogPiece extends LoggedAttempt {
  device_id: string;
  /** Bytes of output before the piece, and with it. */
  from_byte: number;
  to_byte: number;
  line_count: number;
  /** The lines, compressed. */
  body: Buffer;
}

/** Inserts the pieces in their order, all or none. @throws DatabaseError */
export async function writeLog(session: Session, names: TableNames, pieces: LogPiece[]): Promise<void> {
  const row = '(?, ?, ?, ?, ?, ?, ?)';
  await session.write(
    `INSERT INTO ${names.log} (task_id, attempt, device_id, from_byte, to_byte, line_count, body)
     VALUES ${pieces.map(() => row).join(', ')}`,
    pieces.flatMap((one) => [
      one.task_id,
      one.attempt,
      one.device_id,
      one.from_byte,
      one.to_byte,
      one.line_count,
      one.body,
    ]),
  );
}
