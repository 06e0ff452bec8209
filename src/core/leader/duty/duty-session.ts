import { type Lease, NotLeader } from '../../db/leader/assert-leader.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { dutyTransaction } from './duty-transaction.ts';

/**
 * The connection that all duties of one term share. Each query or transaction has it to itself, in the order of asking;
 * the next one opens a lost connection again, and a hung one ends by the session's deadline.
 */
export class DutySession {
  readonly names: TableNames;
  readonly lease: Lease;
  readonly #session: Session;
  #last: Promise<unknown> = Promise.resolve();
  readonly #onDone: () => void;
  #closing: Promise<void> | undefined;

  /** `onDone`: something that was asked came to its end, well or not. */
  constructor(session: Session, names: TableNames, lease: Lease, onDone: () => void = () => {}) {
    this.#onDone = onDone;
    this.#session = session;
    this.names = names;
    this.lease = lease;
  }

  /** False = the connection is lost, until the next call opens another. */
  get alive(): boolean {
    return this.#session.alive;
  }

  /** The database refused what was sent: neither the term is over nor the connection lost, so other rows may go well. */
  refused(error: unknown): boolean {
    return !(error instanceof NotLeader) && this.alive;
  }

  /** Reads, and single writes that need no fence. @throws DatabaseError, NotLeader after `close()` */
  run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const mine = this.#last.then(async () => {
      if (this.#closing !== undefined) throw new NotLeader(this.lease);
      await this.#session.ready();
      return work(this.#session);
    });
    // The caller gets the error; the next one only waits its turn.
    this.#last = mine.catch(() => {}).then(this.#onDone);
    return mine;
  }

  /** One fenced transaction. @throws NotLeader, DatabaseError */
  fenced<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.run((session) => dutyTransaction(session, this.names, this.lease, work));
  }

  /**
   * Nothing more is begun: a duty in the middle of a long list stops at its next row. Waits for what is running, and closes
   * the connection. Safe to call twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#last.then(() => this.#session.close());
    return this.#closing;
  }
}
