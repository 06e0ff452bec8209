// Where a gateway listens. Without TLS, keys and tasks would cross the network readable, so it is this machine alone.
import { isIP } from 'node:net';
import { isLoopback } from '../config/loopback.ts';

/** Of the design document. */
export const DEFAULT_PORT = 8000;
const LOOPBACK = '127.0.0.1';

export interface ListenAddress {
  host: string;
  port: number;
  /** What to say when it is not the address that was asked for. */
  warning?: string;
}

/** `host` and `port` as they are configured. No name is resolved: what is not plainly loopback becomes 127.0.0.1. */
export function listenAddress({
  host = LOOPBACK,
  port = DEFAULT_PORT,
}: {
  host?: string | undefined;
  port?: number | undefined;
}): ListenAddress {
  if (host.toLowerCase() === 'localhost') return { host: LOOPBACK, port };
  // A scope ("::1%lo") is no part of an address that a list of blocks can check.
  if (isIP(host) !== 0 && !host.includes('%') && isLoopback(host)) return { host, port };
  const warning = `server.host is "${host}", but the gateway listens on ${LOOPBACK} only, because it has no TLS yet: whoever sees the network could read keys and tasks`;
  return { host: LOOPBACK, port, warning };
}
