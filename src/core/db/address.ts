import type { ConnectionOptions } from 'mysql2';

/** Where the database is. `socketPath` wins over host and port. */
export interface DatabaseAddress {
  host?: string;
  port?: number;
  socketPath?: string;
  user: string;
  password?: string;
  database: string;
  /** mysql2's `ssl` object; absent = plain text. */
  tls?: ConnectionOptions['ssl'];
  /** Name or IP address that the server's certificate must be for; absent = any (`verify-ca`). */
  certifiedHost?: string;
  /**
   * RSA key (PEM) that encrypts the password of a login in clear; null = none is known, and no key that the server sends is
   * taken; absent = any: by TLS it is not used, and on this machine nobody is in between.
   */
  publicKey?: string | null;
}

/** `host:port/schema` or `socket/schema`: for messages, never with the password. */
export function describeAddress(address: DatabaseAddress): string {
  const at = address.socketPath ?? `${address.host ?? '127.0.0.1'}:${address.port ?? 3306}`;
  return `${at}/${address.database}`;
}
