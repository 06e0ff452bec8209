// What mysql2 does not offer through its types, in one place.
import type { Socket } from 'node:net';
import type { Connection } from 'mysql2';
import { DatabaseError } from './database-error.ts';

/** CLIENT_FOUND_ROWS of the client/server protocol. */
const FOUND_ROWS = 2;

/**
 * Fencing reads affected rows as "matched": without the flag a same-value write would look like a lost lease.
 * @throws DatabaseError E_INTERNAL
 */
export function assertFoundRows(connection: Connection): void {
  const flags = (connection as unknown as { config: { clientFlags: number } }).config.clientFlags;
  if ((flags & FOUND_ROWS) === 0) {
    throw new DatabaseError('E_INTERNAL', 'The driver did not set FOUND_ROWS.', { retry: 'final' });
  }
}

/** The socket too: the driver's own destroy says goodbye to a server that may never answer, and keeps the process alive. */
export function cut(connection: Connection): void {
  connection.destroy();
  streamOf(connection)?.destroy();
}

export function streamOf(connection: Connection): Socket | undefined {
  return (connection as unknown as { stream?: Socket }).stream;
}
