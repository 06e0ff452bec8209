import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFailed } from 'vitest';
import { configSchema } from '../../src/core/config/config-schema.ts';
import { type Context, openContext } from '../../src/core/context/context.ts';
import type { DatabaseAddress } from '../../src/core/db/address.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { Handler } from '../../src/core/handlers/handler.ts';
import { functionHandler } from '../../src/core/handlers/module-handler.ts';
import type { HandlerFunction } from '../../src/core/handlers/module-loader.ts';
import type { AfdEventName, AfdEvents, Events } from '../../src/core/runtime/events.ts';
import { Worker } from '../../src/core/worker/worker.ts';
import type { WorkerMode, WorkerResult } from '../../src/core/worker/worker-options.ts';
import { addressOf, type TestDatabase } from './database.ts';
import { OF_THIS_PROCESS } from './fast.ts';
import { useLivenessHere } from './liveness-here.ts';
import { type AccountName, urlAs } from './role-accounts.ts';

useLivenessHere();

type Section = Record<string, unknown>;

/** `remote`: it has no address of a database. */
export function testContext(
  db: TestDatabase,
  overrides: {
    master?: Section;
    worker?: Section;
    handlers?: Section;
    server?: Section;
    database?: Section;
    secrets?: Section;
    remote?: boolean;
    /** Other members of the database than that of the test, where nothing need answer. */
    members?: Array<{ host: string; port: number }>;
    /** Where lists and exports may be read. */
    replica?: DatabaseAddress;
    /** Whose rights it has with AFD_TEST_ROLES=1. */
    account?: AccountName;
  } = {},
): Context & { lines: string[] } {
  const config = configSchema.parse({
    master: { ...OF_THIS_PROCESS.master, ...overrides.master },
    worker: { ...OF_THIS_PROCESS.worker, ...overrides.worker },
    handlers: overrides.handlers ?? {},
    server: overrides.server ?? {},
    database: overrides.database ?? {},
    secrets: overrides.secrets ?? {},
    log: { level: 'debug', format: 'json' },
  });
  const lines: string[] = [];
  const { remote, account, members, replica } = overrides;
  const nothing = { file: undefined, baseDir: '.', origins: {}, warnings: [], remarks: [], passedOver: [] };
  const database = remote === true ? undefined : withMembers(addressAs(db, account), members);
  const resolved = { config, ...nothing, database, ...(replica === undefined ? {} : { replica }) };
  const context = openContext(resolved, { purpose: 'worker', logTo: { write: (line) => lines.push(line) } });
  return { ...context, lines };
}

function withMembers(
  address: DatabaseAddress,
  others: ReadonlyArray<{ host: string; port: number }> = [],
): DatabaseAddress {
  const { socketPath: _, ...login } = address;
  return others.length === 0
    ? address
    : { ...address, members: [address, ...others.map((at) => ({ ...login, ...at }))] };
}

/** The same with one session for all calls: a context opens one for each, and keeps it until it is closed. */
export async function withOneSession<T extends Context>(context: T): Promise<T> {
  const session = await context.session();
  return { ...context, session: async () => session };
}

function addressAs(db: TestDatabase, account: AccountName | undefined): TestDatabase['address'] {
  if (account === undefined || db.roles === undefined) return db.address;
  return addressOf(urlAs(db.url, db.roles[account]));
}

export interface TestWorker {
  events: Events;
  context: Context & { lines: string[] };
  /** Every event so far, in order. */
  seen: Array<{ name: AfdEventName; data: AfdEvents[AfdEventName] }>;
  /** Settles when the worker has ended. */
  ended: Promise<WorkerResult>;
  /** Drains; resolves when the worker has ended. */
  stop(): Promise<WorkerResult>;
  /** Gives everything back at once. */
  force(): Promise<WorkerResult>;
}

export interface TestWorkerOptions {
  deviceId?: string;
  handlers?: Record<string, HandlerFunction | { call: HandlerFunction; timeout: number } | Handler>;
  mode?: WorkerMode;
  master?: Section;
  worker?: Section;
  database?: Section;
  secrets?: Section;
  /** `handlers` of the configuration, where it says more than which function runs. */
  configured?: Section;
  /** Of the worker, whose secrets its run logs mask. */
  env?: Record<string, string>;
  /** Gateways in place of the database, of which it knows nothing. */
  gateways?: string[];
  /** Called with every session that the worker opens in this thread: for injecting faults. */
  onSession?: (session: Session) => void;
}

const running: TestWorker[] = [];
const folders: string[] = [];

/** Of one worker's journal. */
function folderFor(): string {
  const folder = mkdtempSync(join(tmpdir(), 'afd-journal-'));
  folders.push(folder);
  return folder;
}

/** Of the log, shown when a test fails. */
const LAST_LINES = 60;

/**
 * A worker inside this process: real thread, real connections, handlers that are functions of the test. Called in a test, not in a
 * hook: when the test fails, it shows the worker's last log lines.
 */
export function startWorker(db: TestDatabase, options: TestWorkerOptions = {}): TestWorker {
  const { deviceId = 'w1', handlers = {}, mode = 'forever', worker, env = {} } = options;
  const { master = {}, configured = {}, database = {}, secrets = {}, gateways: gateway } = options;
  const context = testContext(db, {
    ...{ master, handlers: configured, database, secrets, remote: gateway !== undefined },
    worker: { leader: false, device_id: deviceId, ...(gateway && { gateway, journal: folderFor() }), ...worker },
    account: worker?.leader === true ? 'node' : 'worker',
  });
  const session: Context['session'] = async (wanted) => {
    const one = await context.session(wanted);
    options.onSession?.(one);
    return one;
  };
  const seen: TestWorker['seen'] = [];
  context.events.onAny((name, data) => seen.push({ name, data }));
  const [drain, force] = [new AbortController(), new AbortController()];
  const table = Object.entries(handlers).map(([type, one]) => {
    if (typeof one === 'function') return [type, functionHandler(one)] as const;
    return [type, 'execute' in one ? one : functionHandler(one.call, one.timeout)] as const;
  });
  const runs = { mode, handlers: new Map(table), env, drain: drain.signal, force: force.signal };
  const itself = new Worker({ ...context, session }, { ...runs, hostname: 'test-host', version: '0.0.0-test' });
  const ended = itself.run().finally(() => context.close());
  ended.catch(() => {});
  const one: TestWorker = {
    ...{ events: context.events, context, seen, ended },
    stop() {
      drain.abort();
      return ended;
    },
    force() {
      drain.abort();
      force.abort();
      return ended;
    },
  };
  running.push(one);
  onTestFailed(() => {
    process.stderr.write(`${deviceId}:\n${context.lines.slice(-LAST_LINES).join('')}`);
  });
  return one;
}

/** For afterEach: no worker outlives its test. */
export async function stopWorkers(): Promise<void> {
  await Promise.allSettled(running.splice(0).map((one) => one.force()));
  for (const one of folders.splice(0)) rmSync(one, { recursive: true, force: true });
}
