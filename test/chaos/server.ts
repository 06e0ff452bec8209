// The database under the storm: a durable server of its own, to be killed, stopped and started again.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DatabaseAddress } from '../../src/core/db/session.ts';
import { gone } from '../helpers/fleet-process.ts';
import { privateServer } from '../helpers/server.ts';
import { until } from '../helpers/wait.ts';

export type ServerKind = 'mariadb' | 'mysql';

export interface ChaosServer {
  kind: ServerKind;
  /** By TCP. The account may do everything in schemas named afd_%, and on MariaDB everything. */
  address: DatabaseAddress & { host: string; port: number };
  /** As the fleet's processes come: by TCP, in schemas named afd_% alone, and bound by read_only and offline_mode. */
  fleet: DatabaseAddress & { host: string; port: number };
  /** Whoever may set globals and is bound by none of them. */
  root: DatabaseAddress;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  /** Returns when it answers. */
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

/** @throws Error when that server cannot be had here; says what is missing */
export function chaosServer(kind: ServerKind): Promise<ChaosServer> {
  return kind === 'mariadb' ? mariadb() : mysql();
}

const FLEET = { user: 'fleet', password: 'fleet' };
const FLEET_ACCOUNT = ['localhost', '127.0.0.1'].flatMap((at) => [
  `CREATE USER IF NOT EXISTS '${FLEET.user}'@'${at}' IDENTIFIED BY '${FLEET.password}';`,
  `GRANT ALL PRIVILEGES ON \`afd\\_%\`.* TO '${FLEET.user}'@'${at}';`,
]);

async function mariadb(): Promise<ChaosServer> {
  const server = await privateServer({ setup: FLEET_ACCOUNT });
  const url = new URL(server.url);
  const address = {
    host: '127.0.0.1',
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: 'afd',
  };
  const { kill, start, pause, resume, stop } = server;
  const fleet = { ...address, ...FLEET };
  return { kind: 'mariadb', address, fleet, root: address, kill, start, pause, resume, stop };
}

const SCRIPT =
  process.env.AFD_REAL_MYSQL ?? fileURLToPath(new URL('../../../shared/tools/real-mysql.sh', import.meta.url));
const PORT = 13396;

/** A real MySQL by a script that knows start, stop and wipe, and prints MYSQL_… variables. */
async function mysql(): Promise<ChaosServer> {
  if (!existsSync(SCRIPT))
    throw new Error(`there is no ${SCRIPT}: name a script that starts a real MySQL in AFD_REAL_MYSQL`);
  const env = {
    ...process.env,
    REAL_MYSQL_NAME: `chaos${PORT}`,
    REAL_MYSQL_PORT: String(PORT),
    REAL_MYSQL_POOL: '256M',
    REAL_MYSQL_BINLOG: '0',
  };
  const run = async (verb: string) => {
    const { stdout } = await promisify(execFile)(SCRIPT, [verb], { env });
    return new Map([...stdout.matchAll(/^(MYSQL_\w+)="?(.*?)"?$/gm)].map(([, name, value]) => [name!, value!]));
  };
  await run('wipe');
  const variables = await run('start');
  const pid = () => {
    const local = Number(readFileSync(variables.get('MYSQL_PIDFILE')!, 'utf8'));
    if (!readFileSync(`/proc/${local}/cmdline`, 'utf8').includes(`mysql-chaos${PORT}`))
      throw new Error(`process ${local} is not the MySQL of the storm`);
    return local;
  };
  const stopped = (victim: number) =>
    readdirSync(`/proc/${victim}/task`).every((thread) =>
      /^\S+ \(.*\) T/.test(readFileSync(`/proc/${victim}/task/${thread}/stat`, 'utf8')),
    );
  const address = { host: '127.0.0.1', port: PORT, user: 'afd', password: 'afd', database: 'afd' };
  return {
    kind: 'mysql',
    address,
    fleet: address,
    root: { socketPath: variables.get('MYSQL_SOCKET')!, user: 'root', database: 'mysql' },
    async kill() {
      const victim = pid();
      process.kill(victim, 'SIGKILL');
      await until(() => gone(victim), 10_000, 'the end of the killed MySQL');
    },
    async start() {
      await run('start');
    },
    async pause() {
      const victim = pid();
      process.kill(victim, 'SIGSTOP');
      await until(() => stopped(victim), 10_000, 'the pause of the MySQL');
    },
    async resume() {
      process.kill(pid(), 'SIGCONT');
    },
    async stop() {
      await run('wipe');
    },
  };
}
