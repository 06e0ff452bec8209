import { DatabaseError } from './database-error.ts';

/** ER_DUP_ENTRY */
const DUPLICATE = 1062;

/**
 * Another session was faster with a key, and what this transaction has written since cannot be taken back alone: the caller rolls all of
 * it back and repeats it, as after a deadlock. Each time it finds more of what the others have committed.
 */
export class Overtaken extends DatabaseError {
  constructor(cause: DatabaseError) {
    super('E_TEMPORARY', `Another session was faster with a key: ${cause.message}`, {
      retry: 'transaction',
      rolledBack: true,
      cause,
    });
  }
}

export function isDuplicate(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.errno === DUPLICATE;
}
