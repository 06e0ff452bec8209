import { type DatabaseError, isConnectionLost } from '../../db/database-error.ts';
import type { Events } from '../../runtime/events.ts';

/**
 * Says once what keeps transactions from going through, for each cause, and once that they do again. The liveness
 * thread reports a lost connection; one that was cut because an answer came too late is this session's own trouble.
 */
export class Trouble {
  readonly #events: Events;
  #cause: string | undefined;

  constructor(events: Events) {
    this.#events = events;
  }

  met(error: DatabaseError): void {
    if (isConnectionLost(error) && error.driverCode !== 'AFD_DEADLINE') return;
    // Deadlocks of MariaDB pass by themselves.
    if (error.rolledBack) return;
    this.#tell(error.message);
  }

  over(): void {
    if (this.#cause !== undefined) this.#tell(undefined);
  }

  #tell(cause: string | undefined): void {
    if (cause === this.#cause) return;
    this.#cause = cause;
    this.#events.emit('work:troubled', { cause });
  }
}
