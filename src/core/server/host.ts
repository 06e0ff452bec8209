import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';

/** What the embedded server may know of this machine and process. Handed in, so that tests can be another machine. */
export interface Host {
  platform: NodeJS.Platform;
  /** undefined where there are no user ids. */
  uid: number | undefined;
  pid: number;
  env: Record<string, string | undefined>;
  /** Sends a signal; throws as `process.kill` does. */
  kill(pid: number, signal: NodeJS.Signals): void;
}

/** The real machine; call it with the global `process`. */
export function hostFrom(runtime: NodeJS.Process): Host {
  return {
    platform: runtime.platform,
    uid: runtime.getuid?.(),
    pid: runtime.pid,
    env: runtime.env,
    kill: (pid, signal) => {
      runtime.kill(pid, signal);
    },
  };
}

export interface Ran {
  /** Exit code; 127 when the program could not be started. */
  code: number;
  output: string;
}

/** Runs a program to its end without a terminal. Never throws: a program that is not there has code 127. */
export async function runProgram(host: Host, argv: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    env: { ...childEnvironment(host), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    const output = Buffer.concat(chunks).toString('utf8').trim();
    return { code: code ?? 1, output: signal === null ? output : `${output}\nended by ${signal}` };
  } catch (error) {
    return { code: 127, output: (error as Error).message };
  }
}

const PASSED_ON = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

/**
 * A short list: NOTIFY_SOCKET and LISTEN_FDS would make a server talk to the systemd of our own parent, MYSQL_* would
 * move it, and a password of ours is none of its business.
 */
export function childEnvironment(host: Host): Record<string, string> {
  const entries = PASSED_ON.map((name) => [name, host.env[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** argv of a living process, empty while it is ending; undefined when there is none (a zombie is none). */
export async function commandLine(pid: number): Promise<string[] | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    if (status.slice(status.lastIndexOf(')') + 2).startsWith('Z')) {
      // The first thread may be through while others still hold files and ports.
      return (await readdir(`/proc/${pid}/task`)).length > 1 ? [] : undefined;
    }
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return argv.at(-1) === '' ? argv.slice(0, -1) : argv;
  } catch {
    return (await hasProc()) ? undefined : commandLineByPs(pid);
  }
}

async function hasProc(): Promise<boolean> {
  return readFile('/proc/self/stat').then(
    () => true,
    () => false,
  );
}

/** macOS has no /proc. `ps` joins the arguments with blanks, so that one with a blank in it is not found again. */
function commandLineByPs(pid: number): Promise<string[] | undefined> {
  return new Promise((resolve) => {
    execFile('ps', ['-ww', '-o', 'stat=,command=', '-p', String(pid)], (error, stdout) => {
      const [state, ...argv] = stdout.trim().split(/\s+/);
      resolve(error !== null || state === undefined || state.startsWith('Z') ? undefined : argv);
    });
  });
}
