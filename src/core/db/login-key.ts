// A login in clear to another machine. caching_sha2_password and sha256_password encrypt the password with an RSA key of the
// server, and take any key that the other side sends. Here that key is one that the configuration names, or none.
import mysql, { type AuthPlugin } from 'mysql2';
import { DatabaseError } from './database-error.ts';

/** `key`: PEM; null = none is known, and the password is not sent. */
export function loginPlugins(key: string | null, where: string): Record<string, AuthPlugin> {
  const options = key === null ? { onServerPublicKey: () => refuse(where) } : { serverPublicKey: key };
  const { caching_sha2_password, sha256_password } = mysql.authPlugins;
  return { caching_sha2_password: caching_sha2_password(options), sha256_password: sha256_password(options) };
}

/** @throws DatabaseError E_CONFIG */
function refuse(where: string): void {
  const message = `The server at ${where} wants the password, encrypted with a key that it sends itself, and without TLS nobody knows whose key that is. Set database.tls: verify-ca and database.tls_ca: FILE, or database.server_public_key: FILE with the key of the server (public_key.pem in its data directory).`;
  throw new DatabaseError('E_CONFIG', message, { retry: 'final', suggestions: ['afd config show'] });
}
