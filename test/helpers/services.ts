// Every service of src/core, for test/proof/processes/services.test.ts. test/architecture/services.test.ts fails without one.
import { randomBytes } from 'node:crypto';
import { BenchFleet } from '../../src/core/benchmark/benchmark-fleet.ts';
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
import { sessionOf } from './schema-of.ts';
import type { Made } from './stress.ts';

/** Where remote workers find one: who runs the services says so. */
export const GATEWAY = { url: '' };

const FACTS = { hostname: 'test-host', version: '0.0.0-test' };
const NO_RING = { worker: { ring: { enabled: false } } };
const none = () => {};

/** A context, and what closes it. */
function opened(db: TestDatabase, overrides: Parameters<typeof testContext>[1] = {}) {
  const context = testContext(db, overrides);
  return { context, close: () => context.close() };
}

/** By the name of its class: makes one, not started. */
export const SERVICES: Record<string, (db: TestDatabase) => Made | Promise<Made>> = {
  BenchFleet(db) {
    const { context, close } = opened(db);
    const { address, names } = db;
    const tables = { task: 'af_crawl_task', prefix: 'af_' };
    const scratch = { name: fresh(), kind: 'tables', address, tables, names, remove: async () => {} } as const;
    return { service: new BenchFleet(context, scratch, { workers: 1, slots: 1, ...FACTS, onBegin: none }), close };
  },

  ChangeHub(db) {
    const { context, close } = opened(db);
    const session = sessionOf(db.address, {});
    const use: ConstructorParameters<typeof ChangeHub>[1] = async (work) => {
      await session.ready();
      return work({ ...context, session: async () => session });
    };
    const service = new ChangeHub(context, use, () => 'gateway', { roundMs: 1 });
    return {
      service,
      use: () => service.listen({}, undefined, { changes: none, beat: none, end: none }),
      close: () => session.close().then(close),
    };
  },

  async Claimer(db) {
    const { context, close } = opened(db, NO_RING);
    const link = new DatabaseLink(context);
    await link.open();
    const { promise, resolve } = gate();
    const { claimer } = assembleWorker(context, {
      ...{ link, deviceId: fresh(), instanceToken: randomBytes(16), capabilities: {}, slots: 1 },
      ...{ handlers: new Map(), maxima: new Map(), env: {}, board: new PulseBoard(1), mayClaim: () => true },
      ...{ onBusy: none, onPermission: none, onIdle: resolve },
    });
    return { service: claimer, use: () => promise, close: () => link.close().then(close) };
  },

  DatabaseWatch(db) {
    const { promise, resolve } = gate();
    const openSession = () => {
      resolve();
      return sessionOf(db.address, {});
    };
    const service = new DatabaseWatch({ openSession, onAway: none, onBack: none });
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
    const { context, close } = opened(db);
    const { config, names } = context;
    const keyring = Keyring.of(context.resolved);
    const session = sessionOf(db.address, {});
    const service = new Duties({ session, names, config, keyring, events, deviceId: 'leader', term: 1 });
    return { service, listeners, close };
  },

  Gateway(db) {
    const { context, close } = opened(db, NO_RING);
    const service = new Gateway(context, { ...FACTS, hostname: fresh() });
    return { service, use: () => service.requests.use(async () => {}), close };
  },

  HandlerProcess: () => ({ service: new HandlerProcess(processOptions('evaluated.mjs')) }),

  HandlerProcesses: () => ({ service: testProcesses('evaluated.mjs') }),

  HandlerThread() {
    const modules = [{ task_type: 'sync_data', module: 'evaluated.mjs' }];
    const times = { graceMs: 100, othersMs: 100, silentMs: 60_000 };
    const about = { base_dir: FIXTURES, onWarning: none, logOf: () => silentLog };
    return { service: new HandlerThread({ modules, ...about, ...times }) };
  },

  HandlerThreads: () => ({ service: testThreads('evaluated.mjs') }),

  LeftoverReaper() {
    const processes = new CommandProcesses(ownStamp() ?? '');
    return { service: new LeftoverReaper({ processes, hidden: [], onWarning: none, intervalMs: 1 }) };
  },

  Liveness(db) {
    const { settings, close, use, told } = nodeOf(db);
    return { service: new Liveness({ ...settings, board: new PulseBoard(1).memory }, told), use, close };
  },

  LivenessClient(db) {
    const { settings, close, use, told } = nodeOf(db);
    return { service: new LivenessClient(settings, told), use, close };
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
    const service = new MainWatch({ board, onSilent: none, onStill: none, onBack: none });
    return { service, use: () => promise };
  },

  RemoteLiveness(db) {
    const { settings, close, use, told } = nodeOf(db);
    const gateway = { urls: [GATEWAY.url], apiKey: undefined, offlineForMs: 0 };
    const board = new PulseBoard(1).memory;
    return { service: new RemoteLiveness({ ...settings, board, gateway }, gateway, told), use, close };
  },

  Reporter(db) {
    const keyring = new Keyring(async () => undefined);
    const port = new DatabaseReports(() => sessionOf(db.address, {}), db.names, { deviceId: 'd1', keyring });
    const service = new Reporter({ port, deviceId: fresh(), onLost: none, warn: none });
    return { service, use: () => service.read({ task_id: 1, claim_token: randomBytes(16) }) };
  },

  async RingReceiver() {
    const [socket, mine, token] = [await RingSocket.bind('127.0.0.1', 0), await ear(), randomBytes(16)];
    const figures = { running: 0, free: 1 };
    const claim = async () => ({ claimed: 1, ...figures });
    const ring = { sequence: randomBytes(8), lane: randomBytes(16) };
    return {
      service: new RingReceiver({ socket, token, claim, note: none, figures: () => figures }),
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
    const { context, close } = opened(db, NO_RING);
    const session = sessionOf(db.address, {});
    await session.ready();
    const watch = new DatabaseWatch({ openSession: () => session, onAway: none, onBack: none });
    const requests = new RequestContexts(context, { most: 2, watch });
    const address = { host: undefined, port: 0, localAddress: undefined };
    const port = await openRingPort({ ...address, enabled: true, onProblem: none });
    const service = new RemoteDevices({ context, requests, gatewayId: fresh(), port, session });
    const device = { device_id: 'stressed', device_type: 'worker', capabilities: {} } as const;
    return {
      service,
      async use() {
        await registerDevice(service, { ...device, remote: false, offline_for: 0 }, '127.0.0.1');
        await nextTasks(service, 'stressed', { limit: 1, wait: 0 }, new AbortController().signal);
      },
      async close() {
        port.socket?.close();
        await requests.close();
        await session.close();
        await close();
      },
    };
  },

  RunLogs(db) {
    const { promise, resolve } = gate();
    const openSession = async () => {
      const session = sessionOf(db.address, {});
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
    const { context, close } = opened(db);
    const service = new TaskWatch({ use: (work) => work({ ...context, now: async () => '' }) });
    // Nobody adds this task: the wait ends with an error, or with the service.
    const use = () => service.wait({ taskId: 1, forMs: 10, signal: new AbortController().signal }).catch(none);
    return { service, use, close };
  },

  TermDuties(db) {
    const { context, close } = opened(db);
    const { events, listeners } = countedEvents();
    const service = new TermDuties({ ...context, events }, 'leader');
    // The duties of the first end while those of the second begin.
    const use = () => {
      for (const term of [1, 2]) service.gained(term);
    };
    return { service, use, listeners, close };
  },

  TreeSampler() {
    const service = new TreeSampler(new CommandProcesses(ownStamp() ?? ''));
    return { service, use: () => void service.watch('aa', none) };
  },
};

/** An id that no life before had: the server may still know the session lock of that one. */
function fresh(): string {
  return `s${randomBytes(4).toString('hex')}`;
}

/** `use` settles with the first heartbeat that is `told`. */
function nodeOf(db: TestDatabase) {
  // A session that is left open must not be closed by its idle timeout, which is the heartbeat timeout.
  const master = { heartbeat_timeout: 60 };
  const { context, close } = opened(db, { master, worker: { device_id: fresh(), heartbeat_interval: 0.02 } });
  const role = { deviceType: 'worker', capabilities: {}, slots: 1, contend: true } as const;
  const { promise, resolve } = gate();
  const told = ({ kind }: { kind: string }) => kind === 'heartbeat' && resolve();
  return { close, use: () => promise, told, settings: livenessSettings(context, FACTS, role) };
}

function gate(): { promise: Promise<void>; resolve: () => void } {
  let resolve = none;
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
