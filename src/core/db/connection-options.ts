import type { ConnectionOptions, SslOptions } from 'mysql2';
import { type DatabaseAddress, describeAddress } from './address.ts';
import { loginPlugins } from './login-key.ts';

/** How every connection of afd is opened, by its own sessions and by the migrator's. */
export function connectionOptions(address: DatabaseAddress, connectTimeoutMs: number): ConnectionOptions {
  return {
    ...(address.socketPath === undefined
      ? { host: address.host ?? '127.0.0.1', port: address.port ?? 3306 }
      : { socketPath: address.socketPath }),
    user: address.user,
    ...(address.password === undefined ? {} : { password: address.password }),
    database: address.database,
    // A copy: the driver resumes TLS sessions of the same object, and one that was resumed shows no certificate to check.
    ...(address.tls === undefined ? {} : { ssl: { ...(address.tls as SslOptions) } }),
    ...(address.publicKey === undefined
      ? {}
      : { authPlugins: loginPlugins(address.publicKey, describeAddress(address)) }),
    charset: 'utf8mb4',
    dateStrings: true,
    connectTimeout: connectTimeoutMs,
    // A hostile server may ask a client for any of its files.
    flags: ['-LOCAL_FILES'],
    enableKeepAlive: true,
    // afd prepares none, and the driver makes room for 16,000 with each connection: half a megabyte, and most of the time of a connect.
    maxPreparedStatements: 1,
  };
}

/** The same for a session: values come as they are documented in session.ts and rows.ts. */
export function sessionOptions(
  address: DatabaseAddress,
  timeoutMs: number,
  multiStatements: boolean,
): ConnectionOptions {
  return {
    ...connectionOptions(address, timeoutMs),
    timezone: 'Z',
    jsonStrings: true,
    decimalNumbers: true,
    supportBigNumbers: true,
    multipleStatements: multiStatements,
    keepAliveInitialDelay: 10_000,
  };
}
