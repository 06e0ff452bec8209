// The database under the storm: a durable server of its own, to be killed, stopped and started again.
import type { DatabaseAddress } from '../../src/core/db/session.ts';
import type { ServerKind } from '../../src/core/server/server-program.ts';
import { mysqlPrograms } from '../helpers/mysql-programs.ts';
import { privateServer } from '../helpers/server.ts';

export interface ChaosServer {
  kind: ServerKind;
  /** By TCP. The account may do everything. */
  address: DatabaseAddress & { host: string; port: number };
  /** As the fleet's processes come: by TCP, in schemas named afd_% alone, and bound by read_only and offline_mode. */
  fleet: DatabaseAddress & { host: string; port: number };
  /** The account that may set globals and is bound by none of them. */
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

const FLEET = { user: 'fleet', password: 'fleet' };
const FLEET_ACCOUNT = ['localhost', '127.0.0.1'].flatMap((at) => [
  `CREATE USER IF NOT EXISTS '${FLEET.user}'@'${at}' IDENTIFIED BY '${FLEET.password}';`,
  `GRANT ALL PRIVILEGES ON \`afd\\_%\`.* TO '${FLEET.user}'@'${at}';`,
]);

/** `kind` absent: what the tests' own server is. @throws Error when that server cannot be had here; says what is missing */
export async function chaosServer(kind?: ServerKind): Promise<ChaosServer> {
  const programs = kind === 'mysql' ? await mysqlPrograms() : undefined;
  if (programs !== undefined && 'why' in programs) throw new Error(`there is no MySQL for this: ${programs.why}`);
  const server = await privateServer({ setup: FLEET_ACCOUNT, folders: programs?.folder });
  if (kind !== undefined && server.kind !== kind) {
    await server.stop();
    throw new Error(`there is no ${kind} for this: the server program of this machine is a ${server.kind}`);
  }
  const url = new URL(server.url);
  const address = {
    host: '127.0.0.1',
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: 'afd',
  };
  const { kill, start, pause, resume } = server;
  return {
    kind: server.kind,
    address,
    fleet: { ...address, ...FLEET },
    root: address,
    ...{ kill, start, pause, resume },
    async stop() {
      await server.stop();
      await programs?.remove();
    },
  };
}
