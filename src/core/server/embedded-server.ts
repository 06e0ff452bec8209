// The embedded server: a private MySQL or MariaDB below the project, for projects without a server (`afd db …`).
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Session } from '../db/session.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Host } from './host.ts';
import { type Durability, freePort, initialiseDatadir, launchServer, logTail } from './launch-server.ts';
import {
  claimDirectory,
  deleteDirectory,
  readRecord,
  SERVER_SCHEMA,
  SERVER_USER,
  type ServerFiles,
  type ServerRecord,
  serverFiles,
  serverPassword,
  socketPath,
  urlOf,
  writeRecord,
} from './server-directory.ts';
import { installServer } from './server-install.ts';
import { runningPid, stopProcess, untilEnded } from './server-process.ts';
import { findServerProgram, type ServerKind, type ServerProgram } from './server-program.ts';
import { assertOwn } from './server-trust.ts';
import { withStartLock } from './start-lock.ts';

export interface ServerStatus {
  /** `none`: afd made no server here. */
  state: 'running' | 'stopped' | 'none';
  pid: number | null;
  kind: ServerKind | null;
  port: number | null;
  socket: string | null;
  data_dir: string;
  log_file: string;
}

export interface StartedServer extends ServerStatus {
  /** False when it was running already. */
  started: boolean;
  /** True when this call made the datadir. */
  created: boolean;
  /** Contains the password. */
  url: string;
}

export interface StartOptions {
  /** Directory that holds `mysql/`; `.afd` of the project. */
  dir: string;
  host: Host;
  /** Called with a description of each step that takes time. */
  say?: (text: string) => void;
  durability?: Durability;
  /** More statements that the server runs whenever it starts. */
  setup?: string[];
  /** More arguments for the server. */
  argv?: string[];
}

const READY_MS = 120_000;
const POLL_MS = 25;

/**
 * Starts the server unless it runs; installs the program and makes the datadir when they are missing. Returns when it
 * answers. Any number of processes may call it at once.
 * @throws AfdError E_SERVER_MISSING, E_CONFLICT (a directory that afd did not make, or others may write), E_FAILED (with the server's words)
 */
export async function startServer(options: StartOptions): Promise<StartedServer> {
  const files = await serverFiles(options.dir);
  const { uid } = options.host;
  await assertOwn(files, uid);
  await mkdir(files.parent, { recursive: true, mode: 0o700 });
  // Somebody may have been faster.
  await assertOwn(files, uid);
  return withStartLock(files.lock, options.host, async () => {
    const known = await readRecord(files);
    // A server that is found may be dying; then it is not running.
    if (known !== undefined && (await runningPid(files)) !== undefined && (await untilReady(files, known))) {
      return { ...(await report(files, known)), started: false, created: false, url: await urlOf(files, known) };
    }
    // Before anything is written: where there is no program nothing is left behind.
    const program = await programFor(known?.kind, options);
    const record = await claimDirectory(files);
    const created = record.kind === undefined;
    if (uid === 0) options.say?.('The server runs as root, because this command does; it does not need root.');
    if (created) options.say?.(`Creating a private ${program.kind} server in ${files.root} …`);
    await untilEnded(files);
    await initialiseDatadir(files, program, options.host);
    const next: ServerRecord = {
      ...record,
      kind: program.kind,
      port: await freePort(record.port),
      socket: await socketPath(files, options.host),
    };
    await writeRecord(files, next);
    const child = await launchServer(files, options.host, {
      program,
      port: next.port!,
      socket: next.socket!,
      password: await serverPassword(files),
      durability: options.durability ?? 'durable',
      setup: options.setup ?? [],
      argv: options.argv ?? [],
    });
    if (!(await untilReady(files, next, child))) {
      throw new AfdError('E_FAILED', `The server exited during start:\n${await logTail(files)}`, {
        suggestions: [`tail -50 ${files.log}`],
        data: { log_file: files.log },
      });
    }
    await rm(files.setup, { force: true });
    // Its folder is this user's alone; the server makes it for everybody.
    await chmod(next.socket!, 0o600);
    return { ...(await report(files, next)), started: true, created, url: await urlOf(files, next) };
  });
}

/** @throws AfdError E_CONFLICT when afd did not make what is there, or others may write it */
export async function serverStatus(dir: string, host: Host): Promise<ServerStatus> {
  const files = await ownFiles(dir, host);
  return report(files, await readRecord(files));
}

/** @throws AfdError E_NOT_FOUND when no server runs here */
export async function serverUrl(dir: string, host: Host): Promise<string> {
  const files = await ownFiles(dir, host);
  const record = await readRecord(files);
  if (record === undefined || (await runningPid(files)) === undefined) {
    throw new AfdError('E_NOT_FOUND', `No private server is running in ${files.root}.`, {
      suggestions: ['afd db start'],
    });
  }
  return urlOf(files, record);
}

/** Stops the server and waits until its process is gone. undefined = none was running. */
export async function stopServer(dir: string, host: Host, graceMs = 60_000) {
  const files = await ownFiles(dir, host);
  if ((await readRecord(files)) === undefined) return undefined;
  return withStartLock(files.lock, host, () => stopProcess(files, host, graceMs));
}

/** Stops the server and deletes its data. False = there was none. @throws AfdError E_CONFLICT when afd did not make it */
export async function resetServer(dir: string, host: Host): Promise<boolean> {
  const files = await ownFiles(dir, host);
  if ((await readRecord(files)) === undefined) return false;
  await withStartLock(files.lock, host, async () => {
    await stopProcess(files, host, 10_000);
    await deleteDirectory(files, host);
  });
  return true;
}

async function ownFiles(dir: string, { uid }: Host): Promise<ServerFiles> {
  const files = await serverFiles(dir);
  await assertOwn(files, uid);
  return files;
}

async function programFor(kind: ServerKind | undefined, options: StartOptions): Promise<ServerProgram> {
  const found = await findServerProgram(options.host, kind);
  if (found !== undefined) return found;
  if (kind === undefined) return installServer(options.host, options.say ?? (() => {}));
  throw new AfdError('E_SERVER_MISSING', `This data directory needs a ${kind} server program, and none is installed.`, {
    suggestions: [`install ${kind}`, 'afd db reset'],
  });
}

/**
 * Asks until the server answers as our own user (that it listens does not mean that it is ready). False = it ended
 * meanwhile. `child` = the process, when this one started it.
 */
async function untilReady(files: ServerFiles, record: ServerRecord, child?: ChildProcess): Promise<boolean> {
  const password = await serverPassword(files);
  let last: unknown;
  const giveUp = monotonic() + READY_MS;
  while (monotonic() < giveUp) {
    const session = new Session({
      address: { socketPath: record.socket!, user: SERVER_USER, password, database: SERVER_SCHEMA },
      timeZone: '+00:00',
      idleTimeoutS: 10,
      deadlineMs: 5000,
      multiStatements: false,
    });
    try {
      await session.ready();
      return true;
    } catch (error) {
      last = error;
      // One that has been running knows its password, or will never know it: the file was lost.
      if (child === undefined && (error as AfdError).code === 'E_FORBIDDEN') throw error;
    } finally {
      await session.close();
    }
    const ended =
      child === undefined
        ? (await runningPid(files)) === undefined
        : child.exitCode !== null || child.signalCode !== null;
    if (ended) return false;
    await pause(POLL_MS);
  }
  throw new AfdError('E_TIMED_OUT', `The server did not answer within ${READY_MS / 1000} s.`, {
    suggestions: [`tail -50 ${files.log}`],
    cause: last,
  });
}

async function report(files: ServerFiles, record: ServerRecord | undefined): Promise<ServerStatus> {
  const pid = record === undefined ? undefined : await runningPid(files);
  return {
    state: pid !== undefined ? 'running' : record?.kind === undefined ? 'none' : 'stopped',
    pid: pid ?? null,
    kind: record?.kind ?? null,
    port: record?.port ?? null,
    socket: record?.socket ?? null,
    data_dir: files.data,
    log_file: files.log,
  };
}
