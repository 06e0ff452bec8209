import { readFile, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { AfdError } from '../domain/errors.ts';
import { orAbsent } from './absent.ts';
import { commandLine, type Host } from './host.ts';
import type { ServerFiles } from './server-directory.ts';

const POLL_MS = 20;

/**
 * The pid of the server on this datadir. A pid file proves nothing: the number may belong to another program by now, so
 * the process must name our datadir in its command line.
 */
export async function runningPid(files: ServerFiles): Promise<number | undefined> {
  for (const file of [files.pid, files.serverPid]) {
    const pid = await readPid(file);
    if (pid > 0 && (await isOurs(pid, files))) return pid;
  }
  return undefined;
}

async function readPid(file: string): Promise<number> {
  return Number.parseInt((await orAbsent(readFile(file, 'utf8'))) ?? '', 10);
}

async function isOurs(pid: number, files: ServerFiles): Promise<boolean> {
  const argv = await commandLine(pid);
  return argv !== undefined && serves(argv, files);
}

function serves(argv: string[], files: ServerFiles): boolean {
  return argv.includes(`--datadir=${files.data}`);
}

/**
 * SIGTERM, and SIGKILL when the server has not gone within `graceMs` (what it acknowledged is on disk either way).
 * Returns once the process is gone; undefined = nothing was running.
 * @throws AfdError E_FORBIDDEN when the server belongs to another user
 */
export async function stopProcess(
  files: ServerFiles,
  host: Host,
  graceMs: number,
): Promise<{ pid: number; killed: boolean } | undefined> {
  const pid = await runningPid(files);
  if (pid === undefined) return undefined;
  send(host, pid, 'SIGTERM');
  // A paused server would never see the SIGTERM.
  send(host, pid, 'SIGCONT');
  let killed = false;
  if (!(await gone(pid, files, graceMs))) {
    killed = true;
    send(host, pid, 'SIGKILL');
    if (!(await gone(pid, files, 10_000))) {
      throw new AfdError('E_TIMED_OUT', `The server (pid ${pid}) did not end, even after SIGKILL.`);
    }
  }
  await rm(files.pid, { force: true });
  await rm(files.serverPid, { force: true });
  return { pid, killed };
}

/** Waits for a server that is ending by itself, since it still holds its datadir. */
export async function untilEnded(files: ServerFiles, graceMs = 30_000): Promise<void> {
  for (const file of [files.pid, files.serverPid]) {
    const pid = await readPid(file);
    if (pid > 0 && (await commandLine(pid))?.length === 0) await gone(pid, files, graceMs);
  }
}

async function gone(pid: number, files: ServerFiles, graceMs: number): Promise<boolean> {
  for (let waited = 0; waited <= graceMs; waited += POLL_MS) {
    const argv = await commandLine(pid);
    // A process that is ending has no arguments any more: not ours, and not gone either.
    if (argv === undefined || (argv.length > 0 && !serves(argv, files))) return true;
    await pause(POLL_MS);
  }
  return false;
}

function send(host: Host, pid: number, signal: NodeJS.Signals): void {
  try {
    host.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    throw new AfdError('E_FORBIDDEN', `The server (pid ${pid}) belongs to another user.`, { cause: error });
  }
}
