import { type DatabaseError, isConnectionLost } from '../../db/database-error.ts';

/**
 * Says once what keeps transactions from going through, for each cause, and once that they do again. The liveness
 * thread reports a lost connection; one that was cut because an answer came too late is this session's own trouble.
 */
export class Trouble {
  readonly #onTrouble: (cause: string | undefined) => void;
  #cause: string | undefined;

  constructor(onTrouble: (cause: string | undefined) => void) {
    this.#onTrouble = onTrouble;
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
    this.#onTrouble(cause);
  }
}
