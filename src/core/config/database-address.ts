// From url, parts and secrets to one address. The rule, documented in docs/reference/configuration.md: a url may leave
// parts out; a part that is given beside it wins when it comes from the same source or a higher one, and fills what the
// url leaves out in any case.
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DatabaseAddress } from '../db/session.ts';
import type { Config } from './config-schema.ts';

type Parts = Partial<Record<'host' | 'port' | 'socket' | 'user' | 'password' | 'name' | 'tls', string>>;

export interface AddressInput {
  database: Config['database'];
  baseDir: string;
  /** 0 = default, 1 = file, 2 = environment, 3 = flag. */
  rank(key: string): number;
  problem(key: string, message: string): void;
}

/** True when anything says where the database is. */
export function namesDatabase(database: Config['database']): boolean {
  const { url, host, port, socket, name, user } = database;
  return [url, host, port, socket, name, user].some((part) => part !== undefined);
}

/** The address, or undefined after `problem` was called. Never puts a secret into a message. */
export function resolveAddress(input: AddressInput): DatabaseAddress | undefined {
  const { database, problem } = input;
  const parsed = database.url === undefined ? {} : parseDatabaseUrl(database.url);
  if (typeof parsed === 'string') {
    problem('database.url', parsed);
    return undefined;
  }
  const urlRank = database.url === undefined ? -1 : input.rank('database.url');
  const part = (name: keyof Parts): string | undefined => {
    const own = name === 'password' ? ownPassword(input, parsed.password === undefined ? -1 : urlRank) : database[name];
    if (own === undefined) return parsed[name];
    if (parsed[name] === undefined) return String(own);
    const key = name === 'password' && database.password === undefined ? 'password_file' : name;
    return input.rank(`database.${key}`) >= urlRank ? String(own) : parsed[name];
  };
  const user = part('user');
  const name = part('name');
  const password = part('password');
  if (user === undefined) problem('database.user', 'no database user is named: set it, or write it into database.url');
  if (name === undefined) problem('database.name', 'no schema is named: set it, or end database.url with /SCHEMA');
  const where = place(input, parsed, urlRank);
  const tls = tlsOptions(input, part('tls'), where);
  if (user === undefined || name === undefined) return undefined;
  return {
    ...where,
    user,
    ...(password === undefined ? {} : { password }),
    database: name,
    ...(tls === undefined ? {} : { tls }),
  };
}

/** A socket and a host exclude each other: the one from the higher source counts, at equal rank the socket. */
function place(
  input: AddressInput,
  url: Parts,
  urlRank: number,
): Pick<DatabaseAddress, 'host' | 'port' | 'socketPath'> {
  const { database, rank } = input;
  const ranked = (own: string | undefined, key: string, fromUrl: string | undefined) => {
    if (own !== undefined && (fromUrl === undefined || rank(key) >= urlRank)) return { value: own, rank: rank(key) };
    return fromUrl === undefined ? undefined : { value: fromUrl, rank: urlRank };
  };
  const socket = ranked(database.socket, 'database.socket', url.socket);
  // "localhost" beside ?socket= in a url is only there because a url needs a host.
  const host = ranked(database.host, 'database.host', url.socket === undefined ? url.host : undefined);
  if (socket !== undefined && socket.rank >= (host?.rank ?? -1)) return { socketPath: socket.value };
  const port = ranked(database.port === undefined ? undefined : String(database.port), 'database.port', url.port);
  return { host: host?.value ?? '127.0.0.1', port: Number(port?.value ?? 3306) };
}

/** The parts of `mysql://user:password@host:port/schema?socket=…&tls=…`, or a sentence that says what is wrong with it. */
export function parseDatabaseUrl(text: string): Parts | string {
  const shape = 'mysql://user:password@host:port/schema';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return `is not a URL of the form ${shape} (special characters of a password are percent-encoded)`;
  }
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') return `must begin with mysql://: ${shape}`;
  for (const name of url.searchParams.keys()) {
    if (name !== 'socket' && name !== 'tls') return `has the unknown parameter "${name}" (known: socket, tls)`;
  }
  const parts: Parts = {};
  try {
    const set = (name: keyof Parts, value: string | null) => {
      if (value !== null && value !== '') parts[name] = value;
    };
    set('host', decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'));
    set('port', url.port);
    set('user', decodeURIComponent(url.username));
    set('password', decodeURIComponent(url.password));
    set('name', decodeURIComponent(url.pathname.slice(1)));
    set('socket', url.searchParams.get('socket'));
    set('tls', url.searchParams.get('tls'));
  } catch {
    return 'holds a "%" that is not percent-encoded (write %25)';
  }
  if (parts.name?.includes('/')) return `must end with one schema name: ${shape}`;
  return parts;
}

function ownPassword(input: AddressInput, urlRank: number): string | undefined {
  const { database, rank, problem } = input;
  const file = database.password_file;
  if (file === undefined) return database.password;
  const fileRank = rank('database.password_file');
  if (database.password !== undefined) {
    const wordRank = rank('database.password');
    if (wordRank === fileRank) problem('database.password_file', 'is given beside database.password: keep one');
    if (wordRank >= fileRank) return database.password;
  }
  // Overruled by a url of a higher source: not read, so that a missing file does not matter.
  if (fileRank < urlRank) return database.password;
  const path = resolve(input.baseDir, file);
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o004) !== 0) {
      problem('database.password_file', `${path} can be read by everybody: chmod 600 ${path}`);
      return undefined;
    }
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    problem('database.password_file', `cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}

function tlsOptions(input: AddressInput, mode: string | undefined, where: { socketPath?: string }) {
  const { database, problem } = input;
  if (mode === undefined || mode === 'disable' || where.socketPath !== undefined) return undefined;
  if (mode !== 'verify-ca' && mode !== 'verify-full') {
    problem('database.tls', 'must be one of disable, verify-ca, verify-full');
    return undefined;
  }
  let ca: string | undefined;
  if (database.tls_ca !== undefined) {
    try {
      ca = readFileSync(resolve(input.baseDir, database.tls_ca), 'utf8');
    } catch (error) {
      problem('database.tls_ca', `cannot be read: ${(error as Error).message}`);
    }
  }
  return {
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: true,
    verifyIdentity: mode === 'verify-full',
    ...(ca === undefined ? {} : { ca }),
  };
}
