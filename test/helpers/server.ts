import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, stopServer } from '../../src/core/server/embedded-server.ts';
import { commandLine, hostFrom } from '../../src/core/server/host.ts';
import { serverFiles } from '../../src/core/server/server-directory.ts';
import { runningPid } from '../../src/core/server/server-process.ts';
import type { ServerKind } from '../../src/core/server/server-program.ts';
import { until } from './wait.ts';

/**
 * A server of one test alone, to be killed, stopped and restarted: of the kind of the run's own server (the global set-up
 * says in AFD_SERVER_FOLDERS where its programs are). What it acknowledged survives SIGKILL of it, though not of the
 * machine: it writes its log at each commit and leaves the flush to the system. Its account may do everything. Port and
 * socket stay the same over restarts.
 */
export interface PrivateServer {
  kind: ServerKind;
  /** mysql:// URL of the schema `afd`. */
  url: string;
  pid(): Promise<number>;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  /** Returns when the server answers. */
  start(): Promise<void>;
  /** SIGTERM; returns when the process is gone. */
  shutdown(): Promise<void>;
  /** SIGSTOP: accepts connections, answers nothing. Returns when every thread of it stands still. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it and deletes its data. Call it in afterAll. */
  stop(): Promise<void>;
}

/** Why no private server of the kind of this run's can be had; undefined = one can. For skipBecause(…, 'mysqld'). */
export const NO_PRIVATE_SERVER = process.env.AFD_TEST_NO_PRIVATE_SERVER;

const host = hostFrom(process);
const EVERYTHING = ['localhost', '127.0.0.1'].map((at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}';`);

interface PrivateServerOptions {
  argv?: string[];
  setup?: string[];
  /** Where its programs are; absent = as the global set-up says. */
  folders?: string | undefined;
}

export async function privateServer(options: PrivateServerOptions = {}): Promise<PrivateServer> {
  await removeAbandoned(tmpdir());
  const dir = await ownDirectory(tmpdir());
  const files = await serverFiles(dir);
  const { argv = [], setup = [], folders } = options;
  const itsHost = folders === undefined ? host : { ...host, env: { ...host.env, AFD_SERVER_FOLDERS: folders } };
  const more = ['--innodb-flush-log-at-trx-commit=2', ...argv];
  const launch = () =>
    startServer({ dir, host: itsHost, durability: 'durable', argv: more, setup: [...EVERYTHING, ...setup] });
  const pid = async () => {
    const found = await runningPid(files);
    if (found === undefined) throw new Error('the private server is not running');
    return found;
  };
  const undo = emergencyStop(dir);
  const { url, kind } = await launch();
  return {
    kind: kind!,
    url,
    pid,
    async kill() {
      const victim = await pid();
      process.kill(victim, 'SIGKILL');
      await until(async () => (await commandLine(victim)) === undefined, 10_000, 'the end of the killed server');
    },
    async start() {
      const again = await launch();
      if (again.url !== url) throw new Error(`the private server moved to ${again.url}: its port was taken meanwhile`);
    },
    async shutdown() {
      await stopServer(dir, host);
    },
    async pause() {
      const paused = await pid();
      process.kill(paused, 'SIGSTOP');
      await until(() => allThreadsStopped(paused), 10_000, 'the pause of the server');
    },
    async resume() {
      process.kill(await pid(), 'SIGCONT');
    },
    async stop() {
      // Nobody reads its data again: no reason to wait for a clean end.
      await stopServer(dir, host, 0);
      await rm(dir, { recursive: true, force: true });
      undo();
    },
  };
}

const PREFIX = 'afd-test-server-';

/** A new directory for a server of this process, in it or in its `.afd`; `removeAbandoned` knows it again. */
export function ownDirectory(parent: string): Promise<string> {
  return mkdtemp(join(parent, `${PREFIX}${process.pid}-`));
}

/** Ends servers whose test process was killed, and deletes their data. */
export async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const owner = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!(owner > 0) || alive(owner)) continue;
    const dir = join(parent, name);
    for (const one of [dir, join(dir, '.afd')]) await stopServer(one, host, 0).catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  }
}

/** If this process exits without having stopped its server, the server and its data go with it. Returns the way to call it off. */
export function emergencyStop(dir: string): () => void {
  const listener = () => {
    try {
      const pid = Number.parseInt(readFileSync(join(dir, 'mysql/server.pid'), 'utf8'), 10);
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir)) process.kill(pid, 'SIGKILL');
    } catch {
      // It is not running; or there is no /proc, and the next run removes what is left (removeAbandoned).
    }
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', listener);
  return () => process.off('exit', listener);
}

async function allThreadsStopped(pid: number): Promise<boolean> {
  const states = await Promise.all(
    (await readdir(`/proc/${pid}/task`)).map(async (thread) => {
      const status = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ') T');
      return status[status.lastIndexOf(')') + 2];
    }),
  );
  return states.every((state) => state === 'T');
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
