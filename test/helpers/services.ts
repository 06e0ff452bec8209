// Every service of src/core, for test/proof/processes/services.test.ts. test/architecture/services.test.ts fails without one.
import { randomBytes } from 'node:crypto';
import { BenchFleet } from '../../src/core/benchmark/benchmark-fleet.ts';
import { Session } from '../../src/core/db/session.ts';
import { SecretMask } from '../../src/core/domain/redaction/secret-mask.ts';
import { ChangeHub } from '../../src/core/gateway/changes/change-hub.ts';
import { nextTasks } from '../../src/core/gateway/devices/next-tasks.ts';
import { registerDevice } from '../../src/core/gateway/devices/registrations.ts';
import { RemoteDevices } from '../../src/core/gateway/devices/remote-devices.ts';
import { Gateway } from '../../src/core/gateway/gateway.ts';
import { DatabaseWatch } from '../../src/core/gateway/requests/database-watch.ts';
import { RequestContexts } from '../../src/core/gateway/requests/request-contexts.ts';
import { TaskWatch } from '../../src/core/gateway/task-watch.ts';
import { HandlerProcess } from '../../src/core/handlers/process/handler-process.ts';
import { CommandProcesses } from '../../src/core/handlers/processes/command-processes.ts';
import { LeftoverReaper } from '../../src/core/handlers/processes/leftover-reaper.ts';
import { TreeSampler } from '../../src/core/handlers/processes/tree-sampler.ts';
import { ownStamp } from '../../src/core/handlers/processes/worker-stamp.ts';
import { HandlerThread } from '../../src/core/handlers/thread/handler-thread.ts';
import { Duties } from '../../src/core/leader/duties.ts';
import { TermDuties } from '../../src/core/leader/term-duties.ts';
import { DeviceLoad } from '../../src/core/node/device-load.ts';
import { Liveness } from '../../src/core/node/liveness.ts';
import { LivenessClient } from '../../src/core/node/liveness-client.ts';
import { livenessSettings } from '../../src/core/node/liveness-settings.ts';
import { MainWatch } from '../../src/core/node/main-watch.ts';
import { PulseBoard } from '../../src/core/node/pulse-board.ts';
import { RemoteLiveness } from '../../src/core/node/remote/remote-liveness.ts';
import { openRingPort } from '../../src/core/ring/ring-port.ts';
import { RingReceiver } from '../../src/core/ring/ring-receiver.ts';
import { RingSocket } from '../../src/core/ring/ring-socket.ts';
import { Events } from '../../src/core/runtime/events.ts';
import { Loop } from '../../src/core/runtime/loop.ts';
import { Keyring } from '../../src/core/secrets/keyring.ts';
import { DatabaseLink } from '../../src/core/worker/database-link.ts';
import { RunLogs } from '../../src/core/worker/log/run-logs.ts';
import { DatabaseLogs } from '../../src/core/worker/port/database-logs.ts';
import { DatabaseReports } from '../../src/core/worker/port/database-reports.ts';
import { Reporter } from '../../src/core/worker/report/reporter.ts';
import { assembleWorker } from '../../src/core/worker/worker-parts.ts';
import { silentLog } from '../fixtures/handlers/attempt.ts';
import { FIXTURES } from '../fixtures/handlers/command.ts';
import { processOptions, testProcesses } from '../fixtures/handlers/process.ts';
import { testThreads } from '../fixtures/handlers/thread.ts';
import type { TestDatabase } from './database.ts';
import { testContext } from './node.ts';
import { ear } from './ring.ts';
import type { Made } from './stress.ts';

/** Where remote workers find one: who runs the services says so. */
export const GATEWAY = { url: '' };

/** By the name of its class: makes one, not started. */
export const SERVICES: Record<string, (db: TestDatabase) => Made | Promise<Made>> = {
  BenchFleet(db) {
    const context = testContext(db);
    const { address, names } = db;
    const tables = { task: 'af_crawl_task', prefix: 'af_' };
    const scratch = { name: fresh(), kind: 'tables', address, tables, names, remove: async () => {} } as const;
    const options = { workers: 1, slots: 1, hostname: 'test-host', version: '0.0.0-test', onBegin: () => {} };
    return { service: new BenchFleet(context, scratch, options), close: () => context.close() };
  },

  ChangeHub(db) {
    const context = testContext(db);
    const session = new Session({ ...SESSION, address: db.address });
    const use: ConstructorParameters<typeof ChangeHub>[1] = async (work) => {
      await session.ready();
      return work({ ...context, session: async () => session });
    };
    const service = new ChangeHub(context, use, () => 'gateway', { roundMs: 1 });
    const listener = { changes: () => {}, beat: () => {}, end: () => {} };
    return {
      service,
      use: () => service.listen({}, undefined, listener),
      async close() {
        await session.close();
        await context.close();
      },
    };
  },

  async Claimer(db) {
    const context = testContext(db, { worker: { ring: { enabled: false } } });
    const link = new DatabaseLink(context);
    await link.open();
    const { promise, resolve } = gate();
    const { claimer } = assembleWorker(context, {
      ...{ link, deviceId: fresh(), instanceToken: randomBytes(16), capabilities: {}, slots: 1 },
      ...{ handlers: new Map(), maxima: new Map(), env: {}, board: new PulseBoard(1), mayClaim: () => true },
      ...{ onBusy: () => {}, onPermission: () => {}, onIdle: resolve },
    });
    return {
      service: claimer,
      use: () => promise,
      async close() {
        await link.close();
        await context.close();
      },
    };
  },

  DatabaseWatch(db) {
    const { promise, resolve } = gate();
    const openSession = () => {
      resolve();
      return new Session({ ...SESSION, address: db.address });
    };
    const service = new DatabaseWatch({ openSession, onAway: () => {}, onBack: () => {} });
    const use = () => {
      service.doubt();
      return promise;
    };
    return { service, use };
  },

  DeviceLoad() {
    const settings = { slots: 1, limits: { memory_usage: 100 }, limitsIntervalMs: 1 };
    const { promise, resolve } = gate();
    return { service: new DeviceLoad(settings, resolve), use: () => promise };
  },

  Duties(db) {
    const { events, listeners } = countedEvents();
    const context = testContext(db);
    const { config, names } = context;
    const keyring = Keyring.of(context.resolved);
    const session = new Session({ ...SESSION, address: db.address });
    const service = new Duties({ session, names, config, keyring, events, deviceId: 'leader', term: 1 });
    return { service, listeners, close: () => context.close() };
  },

  Gateway(db) {
    const context = testContext(db, { worker: { ring: { enabled: false } } });
    const service = new Gateway(context, { hostname: fresh(), version: '0.0.0-test' });
    return { service, use: () => service.requests.use(async () => {}), close: () => context.close() };
  },

  HandlerProcess: () => ({ service: new HandlerProcess(processOptions('evaluated.mjs')) }),

  HandlerProcesses: () => ({ service: testProcesses('evaluated.mjs') }),

  HandlerThread() {
    const modules = [{ task_type: 'sync_data', module: 'evaluated.mjs' }];
    const times = { graceMs: 100, othersMs: 100, silentMs: 60_000 };
    return {
      service: new HandlerThread({
        modules,
        base_dir: FIXTURES,
        onWarning: () => {},
        logOf: () => silentLog,
        ...times,
      }),
    };
  },

  HandlerThreads: () => ({ service: testThreads('evaluated.mjs') }),

  LeftoverReaper() {
    const processes = new CommandProcesses(ownStamp() ?? '');
    return { service: new LeftoverReaper({ processes, hidden: [], onWarning: () => {}, intervalMs: 1 }) };
  },

  Liveness(db) {
    const { settings, context } = nodeOf(db);
    const { promise, resolve } = gate();
    const board = new PulseBoard(1).memory;
    const service = new Liveness({ ...settings, board }, ({ kind }) => kind === 'heartbeat' && resolve());
    return { service, use: () => promise, close: () => context.close() };
  },

  LivenessClient(db) {
    const { settings, context } = nodeOf(db);
    const { promise, resolve } = gate();
    const service = new LivenessClient(settings, ({ kind }) => kind === 'heartbeat' && resolve());
    return { service, use: () => promise, close: () => context.close() };
  },

  Loop() {
    const { promise, resolve } = gate();
    const work = async () => resolve();
    return { service: new Loop({ intervalMs: 1, work, onError: () => undefined }), use: () => promise };
  },

  MainWatch() {
    const { promise, resolve } = gate();
    const board = {
      get beats() {
        resolve();
        return 1;
      },
    };
    return {
      service: new MainWatch({ board, onSilent: () => {}, onStill: () => {}, onBack: () => {} }),
      use: () => promise,
    };
  },

  async RemoteLiveness(db) {
    const { settings, context } = nodeOf(db);
    const { promise, resolve } = gate();
    const gateways = { urls: [GATEWAY.url], apiKey: undefined, offlineForMs: 0 };
    const board = new PulseBoard(1).memory;
    const told = ({ kind }: { kind: string }) => kind === 'heartbeat' && resolve();
    const service = new RemoteLiveness({ ...settings, board, gateway: gateways }, gateways, told);
    return { service, use: () => promise, close: () => context.close() };
  },

  Reporter(db) {
    const openSession = () => new Session({ ...SESSION, address: db.address });
    const none = () => {};
    const service = new Reporter({
      port: new DatabaseReports(openSession, db.names, { deviceId: 'd1', keyring: new Keyring(async () => undefined) }),
      deviceId: fresh(),
      onLost: none,
      warn: none,
    });
    return { service, use: () => service.read({ task_id: 1, claim_token: randomBytes(16) }) };
  },

  async RingReceiver() {
    const [socket, mine, token] = [await RingSocket.bind('127.0.0.1', 0), await ear(), randomBytes(16)];
    const figures = { running: 0, free: 1 };
    const claim = async () => ({ claimed: 1, ...figures });
    const ring = { sequence: randomBytes(8), lane: randomBytes(16) };
    return {
      service: new RingReceiver({ socket, token, claim, note: () => {}, figures: () => figures }),
      async use() {
        await mine.ring(ring, token, socket.port);
        await mine.next('answer');
      },
      close() {
        socket.close();
        mine.close();
      },
    };
  },

  async RemoteDevices(db) {
    const context = testContext(db, { worker: { ring: { enabled: false } } });
    const session = new Session({ ...SESSION, address: db.address, multiStatements: true });
    await session.ready();
    const watch = new DatabaseWatch({ openSession: () => session, onAway: () => {}, onBack: () => {} });
    const requests = new RequestContexts(context, { most: 2, watch });
    const address = { host: undefined, port: 0, localAddress: undefined };
    const port = await openRingPort({ ...address, enabled: true, onProblem: () => {} });
    const service = new RemoteDevices({ context, requests, gatewayId: fresh(), port, session });
    const body = {
      device_id: 'stressed',
      device_type: 'worker',
      capabilities: {},
      remote: false,
      offline_for: 0,
    } as const;
    return {
      service,
      async use() {
        await registerDevice(service, body, '127.0.0.1');
        await nextTasks(service, 'stressed', { limit: 1, wait: 0 }, new AbortController().signal);
      },
      async close() {
        port.socket?.close();
        await requests.close();
        await session.close();
        await context.close();
      },
    };
  },

  async RunLogs(db) {
    const { promise, resolve } = gate();
    const openSession = async () => {
      const session = new Session({ ...SESSION, address: db.address });
      await session.ready();
      resolve();
      return session;
    };
    const service = new RunLogs({ port: new DatabaseLogs(openSession, db.names), events: new Events() });
    const use = () => {
      const ref = { task_id: 1, attempt: 1, device_id: fresh() };
      const log = service.open({ ...ref, bytes: 65_536, mask: () => new SecretMask([]), onFailure: false });
      log.add('stdout', Buffer.from('a line\n'), 0);
      log.end(false);
      return promise;
    };
    return { service, use };
  },

  TaskWatch(db) {
    const context = testContext(db);
    const service = new TaskWatch({ use: (work) => work({ ...context, now: async () => '' }) });
    // Nobody adds this task: the wait ends with an error, or with the service.
    const use = () => service.wait({ taskId: 1, forMs: 10, signal: new AbortController().signal }).catch(() => {});
    return { service, use, close: () => context.close() };
  },

  TermDuties(db) {
    const context = testContext(db);
    const { events, listeners } = countedEvents();
    const service = new TermDuties({ ...context, events }, 'leader');
    const use = () => {
      service.gained(1);
      // The duties of the first end while those of the second begin.
      service.gained(2);
    };
    return { service, use, listeners, close: () => context.close() };
  },

  TreeSampler() {
    const service = new TreeSampler(new CommandProcesses(ownStamp() ?? ''));
    return { service, use: () => void service.watch('aa', () => {}) };
  },
};

const SESSION = { timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 10_000, multiStatements: true };

/** An id that no life before had: the server may still know the session lock of that one. */
function fresh(): string {
  return `s${randomBytes(4).toString('hex')}`;
}

function nodeOf(db: TestDatabase) {
  // A session that is left open must not be closed by its idle timeout, which is the heartbeat timeout.
  const master = { heartbeat_timeout: 60 };
  const context = testContext(db, { master, worker: { device_id: fresh(), heartbeat_interval: 0.02 } });
  const facts = { hostname: 'test-host', version: '0.0.0-test' };
  const role = { deviceType: 'worker', capabilities: {}, slots: 1, contend: true } as const;
  return { context, settings: livenessSettings(context, facts, role) };
}

function gate(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function countedEvents(): { events: Events; listeners: () => number } {
  let open = 0;
  const events = new Events();
  const on = events.on.bind(events);
  events.on = (name, listener) => {
    const off = on(name, listener);
    open += 1;
    return () => {
      open -= 1;
      off();
    };
  };
  return { events, listeners: () => open };
}
