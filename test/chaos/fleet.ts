// The fleet of a storm: its folder, its schema with triggers, and every process behind a proxy of its own.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inSchema } from '../../src/core/db/address.ts';
import { migrateUp } from '../../src/core/db/migrate/migrator.ts';
import type { DatabaseAddress, Session } from '../../src/core/db/session.ts';
import { tableNames } from '../../src/core/db/table-names.ts';
import { writerAddress } from '../../src/core/writer/writer-finder.ts';
import { freePort } from '../helpers/proxy-programs.ts';
import { newSchema, sessionOf } from '../helpers/schema-of.ts';
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
  ...{ heartbeat_timeout: 6, health_check_interval: 0.4, scheduler_interval: 0.5 },
  ...{ lock_check_interval: 0.1, lock_grace: 0.4, lock_trust_after_start: 2 },
  ...{ lease_duration: 4, lease_trust: 2.8, lease_renew_interval: 0.4 },
  ...{ revoke_timeout: 3, deadline_slack: 3, lost_backoff: [0, 0.2, 0.5, 1, 2] },
  ...{ max_retry_count: 3, retry_backoff: { initial: 0.3, max: 2, jitter: 0.2 } },
};
const WORKER = {
  ...{ max_concurrent_tasks: 6, heartbeat_interval: 1, tick_interval: 0.25, task_poll_interval: 0.25 },
  ...{ kill_grace: 1, start_flush_after: 0.3, shutdown_timeout: 15, stuck_timeout: 600 },
};
const DATABASE = { call_timeout: 2, session_timeout: 5 };
/** A replicated database is away for as long as it takes its members to notice: nobody may be dead by then. */
const REPLICATED = { heartbeat_timeout: 45, lock_trust_after_start: 6 };

export const SETTINGS: StormSettings = {
  max_retry_count: MASTER.max_retry_count,
  retry_backoff: MASTER.retry_backoff,
  poison_after: MASTER.lost_backoff.length,
  lease_duration: MASTER.lease_duration,
  shortest_timeout: 2,
};

export type ChaosFleet = Awaited<ReturnType<typeof chaosFleet>>;

export interface FleetOptions {
  dir: string;
  plan: Plan;
  server: ChaosServer;
  bin: string;
  /** Proxies in addition to those of the devices. */
  others: string[];
}

export async function chaosFleet({ dir, plan, server, bin, others }: FleetOptions) {
  await mkdir(dir, { recursive: true });
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  const schema = `afd_chaos_${process.pid}_${Date.now().toString(36)}`;
  const address = inSchema(server.fleet, schema);
  const replicated = server.members !== undefined;
  await newSchema(server.address, schema);
  await migrateUp(await writerAddress(address), names);
  const admin = sessionTo(address, 30_000);
  const { version } = await admin.ready();
  await installTriggers(admin, names, replicated);
  await writeHandlers(dir);
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify(configuration(replicated)));
  const history = new History(dir);

  const upstreams = server.members ?? [server.fleet];
  const epochs = upstreams.map(() => 0);
  /** By member and epoch. */
  const boots = new Map<string, number>();
  const connections: Array<{ proc: string; run: string; id: number }> = [];
  const proxies = new Map<string, ChaosProxy>();
  const noteCut = (victim: string, cut: CommitCut, more = {}) =>
    history.note({ proc: 'proxy', type: 'info', f: 'commit-cut', victim, ...more, cut });
  const listen = async (name: string, options: Parameters<typeof ChaosProxy.listen>[0]) => {
    const proxy = await ChaosProxy.listen(options);
    proxies.set(name, proxy);
    return proxy;
  };
  const isRemote = ({ remote = false }: { remote?: boolean }) => remote;
  /** Of a process, one before each member; of a remote worker, one before each gateway. */
  const before = new Map<string, ChaosProxy[]>();
  for (const proc of [...plan.devices.filter((one) => !isRemote(one)).map((one) => one.id), ...others]) {
    const all: ChaosProxy[] = [];
    for (const [n, { host, port }] of upstreams.entries()) {
      const onConnect = (id: number) => {
        const epoch = epochs[n]!;
        connections.push({ proc, run: `${n} ${epoch}`, id });
        history.note({ proc: 'proxy', type: 'ok', f: 'connect', victim: proc, member: n, epoch, connection: id });
      };
      const onCut = (cut: CommitCut) => noteCut(proc, cut);
      const name = n === 0 ? proc : `${proc}@${n + 1}`;
      all.push(await listen(name, { upstream: { host, port }, onConnect, onCut }));
    }
    before.set(proc, all);
  }
  const ports = new Map<string, number>();
  for (const { id, role } of plan.devices) if (role === 'gateway') ports.set(id, await freePort());
  for (const { id } of plan.devices.filter(isRemote)) {
    const all: ChaosProxy[] = [];
    for (const [gateway, port] of ports) {
      const onCut = (cut: CommitCut) => noteCut(id, cut, { gateway });
      const upstream = { host: '127.0.0.1', port };
      all.push(await listen(`${id}>${gateway}`, { upstream, protocol: 'http', onCut }));
    }
    before.set(id, all);
  }
  const { user, password = '' } = address;
  const portsOf = (proc: string) => before.get(proc)!.map(({ port }) => port);
  const through = (proc: string): DatabaseAddress => {
    const members = portsOf(proc).map((port) => ({ user, password, database: schema, host: '127.0.0.1', port }));
    return members.length === 1 ? members[0]! : { ...members[0]!, members };
  };
  const url = (proc: string) => {
    const hosts = portsOf(proc).map((port) => `127.0.0.1:${port}`);
    return `mysql://${user}:${encodeURIComponent(password)}@${hosts.join(',')}/${schema}`;
  };
  const nodes = plan.devices.map((device) => {
    const { id, role } = device;
    const gateways = portsOf(id).map((port) => `http://127.0.0.1:${port}`);
    const env: Record<string, string> = isRemote(device)
      ? { AFD_WORKER_GATEWAY: gateways.join(',') }
      : { AFD_DATABASE_URL: url(id) };
    const args = role === 'gateway' ? ['--port', String(ports.get(id))] : ['--device-id', id];
    return new NodeProcess({ device, dir, bin, env, args, proxies: before.get(id)!, history });
  });
  let known: Map<string, string> | undefined;
  return {
    /**
     * `version`: the server's own word; `admin`: the storm's own session, straight to the server, opened again when it was
     * lost; `url`: mysql:// through the proxy of that name.
     */
    ...{ dir, schema, version, names, history, nodes, proxies, admin, url },
    /** Through the proxy of that name. */
    session: (proc: string) => sessionTo(through(proc), 3000),
    /** Says which run of the server, or of each member, this is: after each start of it. */
    async noteBoot(restart: boolean) {
      // The loss of the old connection may be noticed only by the first call.
      const ask = async () => (await server.boots?.()) ?? [await admin.ready().then(() => bootOf(admin))];
      const found = await ask().catch(ask);
      for (const [n, boot] of found.entries()) {
        const epoch = epochs[n]!;
        if (boot !== undefined) boots.set(`${n} ${epoch}`, boot);
        history.note({ proc: 'database', type: 'ok', f: 'database-up', member: n, epoch, boot, restart });
      }
    },
    /** The server is gone: connections from now on belong to its next run. */
    nextEpoch(member: number) {
      epochs[member]! += 1;
    },
    /** Process behind `boot:connection`. */
    procOf(conn: string) {
      known ??= new Map(connections.map((one) => [`${boots.get(one.run)}:${one.id}`, one.proc]));
      return known.get(conn);
    },
    async end() {
      await Promise.all(nodes.map((one) => one.end()));
      await Promise.all([...proxies.values()].map((one) => one.close()));
      await admin.close();
      history.flush();
    },
  };
}

function configuration(replicated: boolean): Record<string, unknown> {
  const module = { module: './work.mjs', isolation: 'none', timeout: 60 };
  return {
    master: { ...MASTER, ...(replicated ? REPLICATED : {}) },
    worker: WORKER,
    database: DATABASE,
    handlers: { work: module, short: module, shell: { exec: ['./shell.sh'], timeout: 60 } },
    log: { level: 'debug', format: 'json' },
  };
}

const sessionTo = (address: DatabaseAddress, deadlineMs: number): Session =>
  sessionOf(address, { idleTimeoutS: 3600, deadlineMs });
