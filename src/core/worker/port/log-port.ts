// Where run logs are written: the database, or a gateway.
import type { LoggedAttempt } from '../../db/logs/logged-attempt.ts';
import type { LogTrim } from '../../db/logs/trim-log.ts';
import type { LogPiece } from '../../db/logs/write-log.ts';

export interface LogPort {
  /** @throws DatabaseError, AfdError */
  ready(): Promise<void>;
  /** Bytes of lines that one write may have; of an open port. */
  readonly mostBytes: number;
  /** All or none, in this order. @throws DatabaseError */
  write(pieces: LogPiece[], trims: LogTrim[]): Promise<void>;
  /** `to_byte` of the last piece of each of these attempts that has one. @throws DatabaseError */
  written(attempts: LoggedAttempt[]): Promise<Array<LoggedAttempt & { to_byte: number }>>;
  close(): Promise<void>;
}
