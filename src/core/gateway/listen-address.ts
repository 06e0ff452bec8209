// Where a gateway listens. Others reach it only where they need a key, and where keys and tasks do not cross the network readable.
import { isIP } from 'node:net';
import { isLoopback } from '../config/loopback.ts';

/** Of the design document. */
export const DEFAULT_PORT = 8000;
const LOOPBACK = '127.0.0.1';

/** Who can connect: this machine, named proxies as well, everybody. */
export type Reach = 'loopback' | 'proxies' | 'all';

export interface ListenSettings {
  host?: string | undefined;
  port?: number | undefined;
  auth?: 'none' | 'keys';
  tls_cert?: string | undefined;
  tls_key?: string | undefined;
  trusted_proxies?: readonly string[];
}

export interface ListenAddress {
  host: string;
  port: number;
  reach: Reach;
  /** What to say when it is not the address that was asked for. */
  warning?: string;
}

/** As they are configured. No name is resolved: what is not plainly loopback becomes 127.0.0.1 where others must not connect. */
export function listenAddress(settings: ListenSettings): ListenAddress {
  const { host = LOOPBACK, port = DEFAULT_PORT } = settings;
  if (host.toLowerCase() === 'localhost' || host.trim() === '') return { host: LOOPBACK, port, reach: 'loopback' };
  // A scope ("::1%lo") is no part of an address that a list of blocks can check.
  if (isIP(host) !== 0 && !host.includes('%') && isLoopback(host)) return { host, port, reach: 'loopback' };
  const missing = missingFor(settings);
  if (missing === undefined) return { host, port, reach: settings.tls_cert === undefined ? 'proxies' : 'all' };
  const warning = `server.host is "${host}", but the gateway listens on ${LOOPBACK} only, because ${missing}`;
  return { host: LOOPBACK, port, reach: 'loopback', warning };
}

function missingFor({ auth = 'none', tls_cert, trusted_proxies = [] }: ListenSettings): string | undefined {
  if (auth === 'none')
    return 'server.auth is none: every program that can connect to it can run tasks and read them. Set server.auth to keys';
  if (tls_cert !== undefined || trusted_proxies.length > 0) return undefined;
  return 'it has no TLS: set server.tls_cert and server.tls_key, or name the proxy before it in server.trusted_proxies';
}
