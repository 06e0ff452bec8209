// The fleet of a storm: its folder, its schema with triggers, and every process behind a proxy of its own.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { inSchema } from '../../src/core/db/address.ts';
import { migrateUp } from '../../src/core/db/migrate/migrator.ts';
import { type DatabaseAddress, Session } from '../../src/core/db/session.ts';
import { type TableNames, tableNames } from '../../src/core/db/table-names.ts';
import { writerAddress, writerOf } from '../../src/core/writer/writer-finder.ts';
import type { StormSettings } from './check/evidence.ts';
import { bootOf, installTriggers } from './database-events.ts';
import { writeHandlers } from './handlers.ts';
import { History } from './history.ts';
import { NodeProcess } from './node-process.ts';
import type { Plan } from './plan.ts';
import { ChaosProxy, type CommitCut } from './proxy.ts';
import type { ChaosServer } from './server.ts';

/** Short, so that a storm of minutes sees every timeout; in the same order to each other as the defaults. */
const MASTER = {
  heartbeat_timeout: 6,
  health_check_interval: 0.4,
  scheduler_interval: 0.5,
  lock_check_interval: 0.1,
  lock_grace: 0.4,
  lock_trust_after_start: 2,
  lease_duration: 4,
  lease_trust: 2.8,
  lease_renew_interval: 0.4,
  revoke_timeout: 3,
  deadline_slack: 3,
  lost_backoff: [0, 0.2, 0.5, 1, 2],
  max_retry_count: 3,
  retry_backoff: { initial: 0.3, max: 2, jitter: 0.2 },
};
const WORKER = {
  max_concurrent_tasks: 6,
  heartbeat_interval: 1,
  tick_interval: 0.25,
  task_poll_interval: 0.25,
  kill_grace: 1,
  start_flush_after: 0.3,
  shutdown_timeout: 15,
  stuck_timeout: 600,
};
const DATABASE = { call_timeout: 2, session_timeout: 5 };

export const SETTINGS: StormSettings = {
  max_retry_count: MASTER.max_retry_count,
  retry_backoff: MASTER.retry_backoff,
  poison_after: MASTER.lost_backoff.length,
  lease_duration: MASTER.lease_duration,
  shortest_timeout: 2,
};

const FAKETIME = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((place) => `/usr/lib/${place}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

export interface ChaosFleet {
  dir: string;
  schema: string;
  /** The server's own word. */
  version: string;
  names: TableNames;
  history: History;
  nodes: NodeProcess[];
  proxies: Map<string, ChaosProxy>;
  /** False: every clock is right, because libfaketime is missing. */
  skewed: boolean;
  /** The storm's own session, straight to the server; opened again when it was lost. */
  admin: Session;
  /** A session through the proxy of that name. */
  session(proc: string): Session;
  /** mysql:// through that proxy. */
  url(proc: string): string;
  /** Says which run of the server, or of each member, this is: after each start of it. */
  noteBoot(restart: boolean): Promise<void>;
  /** The server is gone: connections from now on belong to its next run. */
  nextEpoch(member: number): void;
  /** Process behind `boot:connection`. */
  procOf(conn: string): string | undefined;
  end(): Promise<void>;
}

export interface FleetOptions {
  dir: string;
  plan: Plan;
  server: ChaosServer;
  bin: string;
  /** Proxies in addition to those of the devices. */
  others: string[];
}

export async function chaosFleet({ dir, plan, server, bin, others }: FleetOptions): Promise<ChaosFleet> {
  await mkdir(dir, { recursive: true });
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  const schema = `afd_chaos_${process.pid}_${Date.now().toString(36)}`;
  const address = inSchema(server.fleet, schema);
  const replicated = server.members !== undefined;
  const admin = sessionTo(server.address, 30_000);
  await admin.ready();
  await admin.write(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
  await admin.close();
  await migrateUp(await writerAddress(address), names);
  const own = sessionTo(address, 30_000);
  const { version } = await own.ready();
  await installTriggers(own, names, replicated);
  await writeHandlers(dir);
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify(configuration(replicated)));
  const history = new History(join(dir, 'history.jsonl'));

  const upstreams = server.members ?? [server.fleet];
  const epochs = upstreams.map(() => 0);
  /** By member and epoch. */
  const boots = new Map<string, number>();
  const connections: Array<{ proc: string; run: string; id: number }> = [];
  const proxies = new Map<string, ChaosProxy>();
  const direct = plan.devices.filter((one) => one.remote !== true).map((one) => one.id);
  /** Of a process, one before each member. */
  const before = new Map<string, ChaosProxy[]>();
  for (const proc of [...direct, ...others]) {
    const all: ChaosProxy[] = [];
    for (const [n, { host, port }] of upstreams.entries()) {
      const proxy = await ChaosProxy.listen({
        name: proc,
        upstream: { host, port },
        onConnect(id) {
          const epoch = epochs[n]!;
          connections.push({ proc, run: `${n} ${epoch}`, id });
          history.note({ proc: 'proxy', type: 'ok', f: 'connect', victim: proc, member: n, epoch, connection: id });
        },
        onCut: (cut) => history.note({ proc: 'proxy', type: 'info', f: 'commit-cut', victim: proc, cut }),
      });
      proxies.set(n === 0 ? proc : `${proc}@${n + 1}`, proxy);
      all.push(proxy);
    }
    before.set(proc, all);
  }
  const ports = new Map<string, number>();
  for (const { id, role } of plan.devices) if (role === 'gateway') ports.set(id, await freePort());
  // Between each remote worker and each gateway.
  const ways = new Map<string, ChaosProxy[]>();
  for (const { id } of plan.devices.filter((one) => one.remote === true)) {
    const own: ChaosProxy[] = [];
    for (const [gateway, port] of ports) {
      const onCut = (cut: CommitCut) =>
        history.note({ proc: 'proxy', type: 'info', f: 'commit-cut', victim: id, gateway, cut });
      const upstream = { host: '127.0.0.1', port };
      own.push(await ChaosProxy.listen({ name: `${id}>${gateway}`, upstream, protocol: 'http', onCut }));
      proxies.set(`${id}>${gateway}`, own.at(-1)!);
    }
    ways.set(id, own);
  }
  const through = (proc: string): DatabaseAddress => {
    const { user, password = '' } = address;
    const members = before
      .get(proc)!
      .map(({ port }) => ({ user, password, database: schema, host: '127.0.0.1', port }));
    return members.length === 1 ? members[0]! : { ...members[0]!, members };
  };
  const url = (proc: string) => {
    const { user, password = '' } = address;
    const hosts = before.get(proc)!.map(({ port }) => `127.0.0.1:${port}`);
    return `mysql://${user}:${encodeURIComponent(password)}@${hosts.join(',')}/${schema}`;
  };
  const nodes = plan.devices.map((device) => {
    const { id, role } = device;
    const own = ways.get(id) ?? before.get(id)!;
    const gateways = own.map((one) => `http://127.0.0.1:${one.port}`).join(',');
    const env: Record<string, string> =
      device.remote === true ? { AFD_WORKER_GATEWAY: gateways } : { AFD_DATABASE_URL: url(id) };
    const args = role === 'gateway' ? ['--port', String(ports.get(id))] : ['--device-id', id];
    return new NodeProcess({ device, dir, bin, env, args, proxies: own, history, faketime: FAKETIME });
  });
  let known: Map<string, string> | undefined;
  return {
    dir,
    schema,
    version,
    names,
    history,
    nodes,
    proxies,
    skewed: FAKETIME !== undefined,
    admin: own,
    session: (proc) => sessionTo(through(proc), 3000),
    url,
    async noteBoot(restart) {
      // The loss of the old connection may be noticed only by the first call.
      const ask = async () => (await server.boots?.()) ?? [await own.ready().then(() => bootOf(own))];
      const found = await ask().catch(ask);
      for (const [n, boot] of found.entries()) {
        const epoch = epochs[n]!;
        if (boot !== undefined) boots.set(`${n} ${epoch}`, boot);
        history.note({ proc: 'database', type: 'ok', f: 'database-up', member: n, epoch, boot, restart });
      }
    },
    nextEpoch(member) {
      epochs[member]! += 1;
    },
    procOf(conn) {
      known ??= new Map(connections.map((one) => [`${boots.get(one.run)}:${one.id}`, one.proc]));
      return known.get(conn);
    },
    async end() {
      await Promise.all(nodes.map((one) => one.end()));
      await Promise.all([...proxies.values()].map((one) => one.close()));
      await own.close();
      history.flush();
    },
  };
}

/** A replicated database is away for as long as it takes its members to notice: nobody may be dead by then. */
const REPLICATED = { heartbeat_timeout: 45, lock_trust_after_start: 6 };

function configuration(replicated: boolean): Record<string, unknown> {
  return {
    master: { ...MASTER, ...(replicated ? REPLICATED : {}) },
    worker: WORKER,
    database: DATABASE,
    handlers: {
      work: { module: './work.mjs', isolation: 'none', timeout: 60 },
      short: { module: './work.mjs', isolation: 'none', timeout: 60 },
      shell: { exec: ['./shell.sh'], timeout: 60 },
    },
    log: { level: 'debug', format: 'json' },
  };
}

export function sessionTo(address: DatabaseAddress, deadlineMs: number): Session {
  const writer = writerOf(address);
  return new Session({ address, writer, timeZone: '+00:00', idleTimeoutS: 3600, deadlineMs, multiStatements: true });
}

/** A port of the loopback interface that nobody uses now, for a process that must have the same one after a restart. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
