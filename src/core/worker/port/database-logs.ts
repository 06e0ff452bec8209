import type { LoggedAttempt } from '../../db/logs/logged-attempt.ts';
import type { LogTrim } from '../../db/logs/trim-log.ts';
import { type LogPiece, writeLog } from '../../db/logs/write-log.ts';
import { writtenLog } from '../../db/logs/written-log.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { LogPort } from './log-port.ts';

/** Of one INSERT, in bytes of compressed lines; hexadecimal, they are twice as long. */
const BATCH = 1_048_576;

/** Run logs over a session of their own, opened when there is something to write. */
export class DatabaseLogs implements LogPort {
  readonly #openSession: () => Promise<Session>;
  readonly #names: TableNames;
  #session: Session | undefined;

  constructor(openSession: () => Promise<Session>, names: TableNames) {
    this.#openSession = openSession;
    this.#names = names;
  }

  async ready(): Promise<void> {
    this.#session ??= await this.#openSession();
    await this.#session.ready();
  }

  get mostBytes(): number {
    return Math.min(BATCH, (this.#session?.facts.maxAllowedPacket ?? BATCH * 4) / 4);
  }

  write(pieces: LogPiece[], trims: LogTrim[]): Promise<void> {
    return writeLog(this.#session!, this.#names, pieces, trims);
  }

  written(attempts: LoggedAttempt[]): Promise<Array<LoggedAttempt & { to_byte: number }>> {
    return writtenLog(this.#session!, this.#names, attempts);
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }
}
