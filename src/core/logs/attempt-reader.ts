import type { LoggedAttempt } from '../db/logs/logged-attempt.ts';
import { type AttemptState, taskAttempts } from '../db/logs/logged-attempts.ts';
import { attemptLog } from '../db/logs/read-log.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { entriesOf, gapBefore, type LogEntry, type LogFilter } from './log-entry.ts';

export { type AttemptState, taskAttempts };

/** Reads the log of one attempt, piece by piece, each once. */
export class AttemptReader {
  readonly #session: Session;
  readonly #names: TableNames;
  readonly #ref: LoggedAttempt;
  readonly #filter: LogFilter;
  /** Bytes of output that were read or are known to be missing. */
  #end = 0;

  constructor(session: Session, names: TableNames, ref: LoggedAttempt, filter: LogFilter) {
    this.#session = session;
    this.#names = names;
    this.#ref = ref;
    this.#filter = filter;
  }

  /** What has come since the last time. @throws DatabaseError */
  async next(): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    for (;;) {
      const pieces = await attemptLog(this.#session, this.#names, this.#ref, this.#end);
      for (const piece of pieces) {
        entries.push(...gapBefore(piece, this.#end), ...entriesOf(piece, this.#filter));
        this.#end = Math.max(piece.to_byte, this.#end + 1);
      }
      if (pieces.length === 0) return entries;
    }
  }
}
