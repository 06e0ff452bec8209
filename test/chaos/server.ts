// The database under the storm: a durable server of its own, to be killed, stopped and started again.
import type { DatabaseAddress } from '../../src/core/db/session.ts';
import type { ServerKind } from '../../src/core/server/server-program.ts';
import { mysqlPrograms } from '../helpers/mysql-programs.ts';
import { privateServer } from '../helpers/server.ts';
import type { MemberFault } from './plan.ts';

/** Replicated databases that a storm can be about. */
export const TOPOLOGIES = ['group', 'semisync', 'galera'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

export interface ChaosServer {
  kind: ServerKind;
  /** Undefined = one server. */
  topology?: Topology;
  /** Of a replicated database: each process has a proxy before each of them. */
  members?: Array<DatabaseAddress & { host: string; port: number }>;
  /** By TCP. The account may do everything. */
  address: DatabaseAddress & { host: string; port: number };
  /** As the fleet's processes come: by TCP, in schemas named afd_% alone, and bound by read_only and offline_mode. */
  fleet: DatabaseAddress & { host: string; port: number };
  /** The account that may set globals and is bound by none of them. */
  root: DatabaseAddress;
  /** SIGKILL of the writer; returns when the process is gone: which member it was, from 0. */
  kill(): Promise<number>;
  /** Returns when it answers, of several when all do. */
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Of several: returns when another member than this one is the writer. */
  replaced?(member: number): Promise<void>;
  /** Of several: another becomes the writer, as planned. `gone` is called when a member has ended for it, before it is started again. */
  move?(gone: (member: number) => void): Promise<void>;
  /** Of several: does this to them, for `ms` milliseconds and until it is mended. False = not possible here. */
  hurt?(kind: MemberFault, ms: number): Promise<boolean>;
  /** Of several: which run each is, as it stands in the events; undefined = it does not answer. */
  boots?(): Promise<Array<number | undefined>>;
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
  const { start, pause, resume } = server;
  return {
    kind: server.kind,
    address,
    fleet: { ...address, ...FLEET },
    root: address,
    ...{ start, pause, resume },
    async kill() {
      await server.kill();
      return 0;
    },
    async stop() {
      await server.stop();
      await programs?.remove();
    },
  };
}
