// What mysql2 does not offer through its types, in one place.
import type { Socket } from 'node:net';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import mysql, { type Connection, type ConnectionOptions } from 'mysql2';
import { DatabaseError } from './database-error.ts';

/** CLIENT_FOUND_ROWS of the client/server protocol. */
const FOUND_ROWS = 2;

/** Parts of a connection of mysql2 (its version is pinned in package.json) that its types do not have. */
interface Inside {
  stream: Socket;
  config: { clientFlags: number };
  /** Wraps `stream` into TLS; `secured` sends the login, or gives up on an error. */
  startTLS?: (secured: (error?: Error) => void) => void;
}

export interface ConnectionWatch {
  /** Name or address that the server's certificate must be for; undefined = any, or there is no TLS. */
  certifiedHost: string | undefined;
  /** Called with the length of whatever comes, after the driver has had it. */
  onBytes(bytes: number): void;
}

/**
 * Begins to connect. The driver itself would check the certificate of a server that is named by its IP address for the name
 * `localhost`, so the identity is checked here, before anything but the wish for TLS has been sent.
 * @throws DatabaseError E_INTERNAL when this is not the driver that it was written for
 */
export function openConnection(options: ConnectionOptions, watch: ConnectionWatch): Connection {
  const connection = mysql.createConnection(options);
  const inside = connection as unknown as Inside;
  const { startTLS } = inside;
  if (typeof startTLS !== 'function') {
    cut(connection);
    throw new DatabaseError('E_INTERNAL', 'The driver has no startTLS.', { retry: 'final' });
  }
  const listen = () => inside.stream.on('data', (chunk: Buffer) => watch.onBytes(chunk.length));
  listen();
  inside.startTLS = (secured) => {
    startTLS.call(connection, (error) => secured(withCode(error ?? wrongIdentity(inside.stream as TLSSocket, watch))));
    listen();
  };
  return connection;
}

/** The driver overwrites the code, which says what failed. */
function withCode(error: (Error & { code?: string }) | undefined): Error | undefined {
  return error === undefined ? undefined : Object.assign(error, { tlsCode: error.code });
}

function wrongIdentity(stream: TLSSocket, { certifiedHost }: ConnectionWatch): Error | undefined {
  if (certifiedHost === undefined) return undefined;
  const wrong = checkServerIdentity(certifiedHost, stream.getPeerCertificate(true));
  // At once: what the driver may have written already must not follow.
  if (wrong !== undefined) stream.destroy();
  return wrong;
}

/**
 * Fencing reads affected rows as "matched": without the flag a same-value write would read as a lost lease.
 * @throws DatabaseError E_INTERNAL
 */
export function assertFoundRows(connection: Connection): void {
  const flags = (connection as unknown as Inside).config.clientFlags;
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
  return (connection as unknown as Partial<Inside>).stream;
}
