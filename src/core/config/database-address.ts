// From url, parts and secrets to one address. The rule, documented in docs/reference/configuration.md: a url may leave
// parts out; a part that is given next to it wins when it comes from the same source or a higher one, and always fills
// what the url leaves out.
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { DatabaseAddress } from '../db/session.ts';
import type { Config } from './config-schema.ts';
import { type FoundFile, type Given, mixedSources } from './database-sources.ts';
import { type Parts, parseDatabaseUrl } from './database-url.ts';
import { trustOfSecret } from './file-trust.ts';
import { isLoopback } from './loopback.ts';
import { type Origin, rankOf } from './origin.ts';
import { parseHost, splitHosts } from './sections/database-hosts.ts';
import { readSmallFile } from './small-file.ts';

export interface AddressInput {
  database: Config['database'];
  baseDir: string;
  /** The configuration file, if there is one. */
  file: FoundFile | undefined;
  /** User id of this process; undefined where there are no user ids. */
  uid: number | undefined;
  origin(key: string): Origin;
  problem(key: string, message: string): void;
  /** What is obeyed, and what its owner should know. */
  warn(message: string): void;
}

/** True when anything says where the database is. */
export function namesDatabase(database: Config['database']): boolean {
  const { url, host, hosts, port, socket, name, user } = database;
  return [url, host, hosts, port, socket, name, user].some((part) => part !== undefined);
}

/** The address, or undefined after `problem` was called. Never puts a secret into a message. */
export async function resolveAddress(given: AddressInput): Promise<DatabaseAddress | undefined> {
  // Of several hosts all have the same problem.
  const input = { ...given, problem: once(given.problem), warn: once(given.warn) };
  const { database, problem } = input;
  const parsed = database.url === undefined ? {} : parseDatabaseUrl(database.url);
  if (typeof parsed === 'string') {
    problem('database.url', parsed);
    return undefined;
  }
  const part = (name: keyof Parts) => strongest(ownPart(input, name), urlPart(input, parsed, name));
  for (const key of ['host', 'socket', 'user', 'name'] as const) {
    if (database[key]?.includes('://') === true) problem(`database.${key}`, 'is a URL: set it as database.url');
  }
  const user = part('user');
  const name = part('name');
  const password = await passwordOf(input, urlPart(input, parsed, 'password'));
  if (user === undefined)
    problem('database.user', 'no database user is set: set this key, or include the user in database.url');
  if (name === undefined) problem('database.name', 'no schema is set: set this key, or end database.url with /SCHEMA');
  const { place, members } = placeOf(input, parsed);
  const places = await Promise.all(
    members.map(async (where) => ({ ...where, ...(await tlsOptions(input, part('tls')?.value, where)) })),
  );
  if (user === undefined || name === undefined) return undefined;
  if (password !== undefined) {
    const mixed = mixedSources([...place, user, password], input.file);
    if (mixed !== undefined) problem('database', mixed);
  }
  const login = {
    user: user.value,
    ...(password === undefined ? {} : { password: password.value }),
    database: name.value,
  };
  const addresses = places.map((one) => ({ ...one, ...login }));
  return addresses.length === 1 ? addresses[0] : { ...addresses[0]!, members: addresses };
}

/** The replica of `database.read_url`: what its URL does not name (user and password together, schema, tls) is as the writer's keys say. */
export async function resolveReplica(
  input: AddressInput,
  writer: DatabaseAddress,
): Promise<DatabaseAddress | undefined> {
  const { read_url, hosts: _h, host: _o, port: _p, socket: _s, ...keys } = input.database;
  if (read_url === undefined) return undefined;
  const named = parseDatabaseUrl(read_url);
  const url: Parts = typeof named === 'string' ? {} : named;
  if (url.hosts !== undefined) input.problem('database.read_url', 'must name one host');
  const { user, password, password_file, name = writer.database, tls, ...encryption } = keys;
  const login = url.user === undefined ? { user, password, password_file } : {};
  const own = (key: string) => (key === 'database.url' ? 'database.read_url' : key);
  return resolveAddress({
    ...input,
    database: {
      ...{ ...encryption, ...login, url: read_url },
      ...(url.name === undefined ? { name } : {}),
      ...(url.tls === undefined ? { tls } : {}),
    },
    origin: (key) => input.origin(own(key)),
    problem: (key, message) => input.problem(own(key), message),
  });
}

/** The same is said once. */
function once<T extends string[]>(say: (...words: T) => void): (...words: T) => void {
  const said = new Set<string>();
  return (...words) => {
    const known = said.size;
    if (said.add(words.join('\n')).size > known) say(...words);
  };
}

function ownPart({ database, origin }: AddressInput, name: keyof Parts): Given | undefined {
  const value = database[name];
  const key = `database.${name}`;
  return value === undefined ? undefined : { key, value: String(value), origin: origin(key) };
}

function urlPart({ origin }: AddressInput, parsed: Parts, name: keyof Parts): Given | undefined {
  const value = parsed[name];
  return value === undefined ? undefined : { key: 'database.url', value, origin: origin('database.url') };
}

/** At equal rank the first. */
function strongest(first: Given | undefined, second: Given | undefined): Given | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return rankOf(first.origin) >= rankOf(second.origin) ? first : second;
}

/**
 * A socket, a host and several hosts exclude each other: what comes from the highest source counts; at equal rank the socket, and what
 * is given next to a URL.
 */
function placeOf(
  input: AddressInput,
  parsed: Parts,
): { members: Array<Pick<DatabaseAddress, 'host' | 'port' | 'socketPath'>>; place: Given[] } {
  const own = { host: ownPart(input, 'host'), hosts: ownPart(input, 'hosts') };
  if (own.host !== undefined && own.hosts !== undefined && rankOf(own.host.origin) === rankOf(own.hosts.origin))
    input.problem('database.hosts', 'is set together with database.host: keep one of them');
  const socket = strongest(ownPart(input, 'socket'), urlPart(input, parsed, 'socket'));
  // "localhost" next to ?socket= in a url is only there because a url needs a host.
  const ofUrl =
    parsed.socket === undefined ? (urlPart(input, parsed, 'hosts') ?? urlPart(input, parsed, 'host')) : undefined;
  const host = strongest(strongest(own.hosts, own.host), ofUrl);
  if (socket !== undefined && strongest(socket, host) === socket) {
    return { members: [{ socketPath: socket.value }], place: [socket] };
  }
  const port = strongest(ownPart(input, 'port'), urlPart(input, parsed, 'port'));
  const place = [host, port].filter((one) => one !== undefined);
  const common = Number(port?.value ?? 3306);
  const several = host !== undefined && (host === own.hosts || (host === ofUrl && parsed.hosts !== undefined));
  const named = several
    ? splitHosts(host.value).map(parseHost)
    : [{ host: host?.value ?? '127.0.0.1', port: undefined }];
  // What is no host has been refused.
  const known = named.filter((one) => one !== undefined);
  const members = known.map((one) => ({ host: one.host, port: one.port ?? common }));
  if (new Set(members.map((one) => `${one.host.toLowerCase()} ${one.port}`)).size < members.length)
    input.problem(host?.key ?? 'database.hosts', 'names a host twice');
  return { members, place };
}

async function passwordOf(input: AddressInput, ofUrl: Given | undefined): Promise<Given | undefined> {
  const { database, origin, problem } = input;
  const word = ownPart(input, 'password');
  const file = database.password_file;
  if (file === undefined) return strongest(word, ofUrl);
  const key = 'database.password_file';
  const named = { key, value: file, origin: origin(key) };
  if (word !== undefined) {
    if (rankOf(word.origin) === rankOf(named.origin))
      problem(key, 'is set together with database.password: keep one of them');
    if (strongest(word, named) === word) return strongest(word, ofUrl);
  }
  // Overruled by a url of a higher source: not read, so that a missing file does not matter.
  if (strongest(named, ofUrl) !== named) return ofUrl;
  const value = await fileOf(input, 'password_file', file, true);
  return value === undefined ? undefined : { ...named, value: value.replace(/\r?\n$/, '') };
}

/** By TLS beyond this machine, and wherever a key for it is set; in clear by the word `disable` alone. */
async function tlsOptions(
  input: AddressInput,
  word: string | undefined,
  { host }: { host?: string },
): Promise<Pick<DatabaseAddress, 'tls' | 'certifiedHost' | 'publicKey'>> {
  const { database, problem } = input;
  // What is no host has been refused.
  if (host === undefined || host.includes('://')) return {};
  const wanted = !isLoopback(host) || database.tls_ca !== undefined || database.tls_cert !== undefined;
  const mode = word ?? (wanted ? 'verify-full' : 'disable');
  if (mode === 'disable') {
    const key = await fileOf(input, 'server_public_key', database.server_public_key);
    return key === undefined && isLoopback(host) ? {} : { publicKey: key ?? null };
  }
  if (mode !== 'verify-ca' && mode !== 'verify-full') {
    problem('database.tls', 'must be one of disable, verify-ca, verify-full');
    return {};
  }
  if ((database.tls_cert === undefined) !== (database.tls_key === undefined)) {
    problem('database.tls_cert', 'and database.tls_key belong together: set both or none');
  }
  const [ca, cert, key] = [
    await fileOf(input, 'tls_ca', database.tls_ca),
    await fileOf(input, 'tls_cert', database.tls_cert),
    await fileOf(input, 'tls_key', database.tls_key, true),
  ];
  const full = mode === 'verify-full';
  const tls = {
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: true,
    // The driver's own check knows names alone.
    verifyIdentity: full && isIP(host) === 0,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return full ? { tls, certifiedHost: host } : { tls };
}

/** The text of a file that a key names; undefined when there is none, or after `problem` was called. */
async function fileOf(
  input: AddressInput,
  name: string,
  named: string | undefined,
  secret = false,
): Promise<string | undefined> {
  const { baseDir, uid, problem, warn } = input;
  const key = `database.${name}`;
  if (named === undefined) return undefined;
  // A file that cannot be read is named; a URL may hold a password.
  if (named.includes('://')) problem(key, 'is a URL, but must be the path of a file');
  else {
    const path = resolve(baseDir, named);
    try {
      const { text, facts } = await readSmallFile(path);
      const { refusal, warning } = secret ? trustOfSecret(path, facts, uid) : {};
      if (warning !== undefined) warn(warning);
      if (refusal === undefined) return text;
      problem(key, refusal);
    } catch (error) {
      problem(key, `cannot be read: ${(error as Error).message}`);
    }
  }
  return undefined;
}
