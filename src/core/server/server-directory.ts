// Everything of one embedded server lives in one directory: `<dir>/mysql`, `<dir>` being `.afd` by default.
import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AfdError } from '../domain/errors.ts';
import { wallClock } from '../runtime/clock.ts';
import { orAbsent } from './absent.ts';
import type { Host } from './host.ts';
import type { ServerKind } from './server-program.ts';

export interface ServerFiles {
  /** `<dir>` as it was named, absolute. */
  named: string;
  /** `<dir>`, links resolved. */
  parent: string;
  /** `<dir>/mysql` */
  root: string;
  /** Says that afd made this directory; also holds what is remembered between runs (`ServerRecord`). */
  record: string;
  data: string;
  /** Says that afd made the datadir itself. */
  dataMarker: string;
  /** Of this server alone: a MariaDB deletes the temporary tables of every other one in its tmpdir as it starts. */
  tmp: string;
  /** The one folder in which SELECT … INTO OUTFILE may write: empty, and readable by this user alone. */
  outfiles: string;
  log: string;
  pid: string;
  /** Written by the server, in case we died between starting it and writing `pid`. */
  serverPid: string;
  password: string;
  setup: string;
  /** Next to `root`, so that one process alone makes or deletes the directory. */
  lock: string;
}

/** Contents of the record file. */
export interface ServerRecord {
  made_by: 'afd';
  created_at: string;
  kind?: ServerKind;
  /** Kept between runs while it is free. */
  port?: number;
  socket?: string;
}

export const SERVER_SCHEMA = 'afd';
export const SERVER_USER = 'afd';

/** Paths only; nothing is created. Links are resolved, since a running server is recognised by the path of its datadir. */
export async function serverFiles(dir: string): Promise<ServerFiles> {
  const named = resolve(dir);
  const parent = await realPath(named);
  const root = join(parent, 'mysql');
  const data = join(root, 'data');
  return {
    named,
    parent,
    root,
    record: join(root, 'afd-server.json'),
    data,
    dataMarker: join(data, 'made-by-afd'),
    tmp: join(root, 'tmp'),
    outfiles: join(root, 'outfiles'),
    log: join(root, 'server.log'),
    pid: join(root, 'server.pid'),
    serverPid: join(data, 'server.pid'),
    password: join(root, 'password'),
    setup: join(root, 'setup.sql'),
    lock: join(parent, 'mysql.lock'),
  };
}

async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return dirname(path) === path ? path : join(await realPath(dirname(path)), basename(path));
  }
}

/** @returns undefined when there is no such directory. @throws AfdError E_CONFLICT when afd did not make what is there */
export async function readRecord(files: ServerFiles): Promise<ServerRecord | undefined> {
  const inside = await readdir(files.root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw foreign(files.root, error);
  });
  // A file that is being written right now is not a foreign file.
  if (inside === undefined || inside.every((name) => name.startsWith('afd-server.json.'))) return undefined;
  const record = await readFile(files.record, 'utf8')
    .then((text) => JSON.parse(text) as ServerRecord)
    .catch((error: unknown) => {
      throw foreign(files.root, error);
    });
  if (record.made_by !== 'afd') throw foreign(files.root);
  // What cannot be read is not taken for absent: `reset` deletes what this finds to be ours.
  const data = await orAbsent(lstat(files.data));
  if (data !== undefined) {
    const marker = await orAbsent(lstat(files.dataMarker));
    if (!data.isDirectory() || marker === undefined) throw foreign(files.data);
  }
  return record;
}

/** Makes the directory if there is none. @throws AfdError E_CONFLICT when afd did not make what is there */
export async function claimDirectory(files: ServerFiles): Promise<ServerRecord> {
  const known = await readRecord(files);
  if (known !== undefined) return known;
  await mkdir(files.root, { recursive: true, mode: 0o700 });
  await chmod(files.root, 0o700);
  const record: ServerRecord = { made_by: 'afd', created_at: wallClock() };
  await writeRecord(files, record);
  return record;
}

export async function writeRecord(files: ServerFiles, record: ServerRecord): Promise<void> {
  await writePrivate(files.record, `${JSON.stringify(record, null, 2)}\n`);
}

/** The account's password, made on first use; one that is there and cannot be read is never replaced. */
export async function serverPassword(files: ServerFiles): Promise<string> {
  const known = ((await orAbsent(readFile(files.password, 'utf8'))) ?? '').trim();
  if (known !== '') return known;
  const fresh = randomBytes(18).toString('hex');
  await writePrivate(files.password, `${fresh}\n`);
  return fresh;
}

/** Complete or absent, and readable by this user alone: written next to its place, then renamed. */
export async function writePrivate(file: string, text: string): Promise<void> {
  const fresh = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(fresh, text, { mode: 0o600, flag: 'wx' });
  await rename(fresh, file);
}

/** With the password. Socket and port: afd's driver takes the socket, clients that cannot take the port. */
export async function urlOf(files: ServerFiles, record: ServerRecord): Promise<string> {
  const password = await serverPassword(files);
  const socket = encodeURIComponent(record.socket ?? '');
  return `mysql://${SERVER_USER}:${password}@127.0.0.1:${record.port}/${SERVER_SCHEMA}?socket=${socket}`;
}

/** A path that fits into sockaddr_un; beyond 100 bytes a private folder of the temporary folder is taken. */
export async function socketPath(files: ServerFiles, host: Host): Promise<string> {
  const near = join(files.root, 'server.sock');
  if (Buffer.byteLength(near) <= 100) return near;
  const choices = socketFolders(files, host);
  const folder = choices.find((path) => Buffer.byteLength(path) <= 85) ?? choices.at(-1)!;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const made = await lstat(folder);
  if (!isOwnFolder(made, host) || (made.mode & 0o077) !== 0) {
    throw new AfdError(
      'E_CONFLICT',
      `${folder} must be accessible to this user only, because it will contain the socket of the server.`,
      {
        suggestions: [`rm -r ${folder}`, 'afd db start --dir /a/shorter/path'],
      },
    );
  }
  return join(folder, 'server.sock');
}

/** Of this server alone, by its path: no file says what may be deleted. */
function socketFolders(files: ServerFiles, host: Host): string[] {
  const name = `afd-${host.uid ?? 'user'}-${createHash('sha256').update(files.root).digest('hex').slice(0, 16)}`;
  return [host.env.TMPDIR ?? '/tmp', '/tmp'].map((folder) => join(folder, name));
}

function isOwnFolder(facts: Stats, { uid }: Host): boolean {
  return facts.isDirectory() && (uid === undefined || facts.uid === uid);
}

/** Deletes everything. The caller has made sure that nothing runs in it and that it is ours (`assertOwn`, `readRecord`). */
export async function deleteDirectory(files: ServerFiles, host: Host): Promise<void> {
  for (const folder of socketFolders(files, host)) {
    const facts = await orAbsent(lstat(folder));
    if (facts !== undefined && isOwnFolder(facts, host)) await rm(folder, { recursive: true, force: true });
  }
  await rm(files.root, { recursive: true, force: true });
}

function foreign(path: string, cause?: unknown): AfdError {
  return new AfdError('E_CONFLICT', `${path} was not created by afd, so afd does not use it.`, {
    suggestions: ['afd db start --dir .afd-server'],
    ...(cause === undefined ? {} : { cause }),
  });
}
