// The part of a gateway that knows nothing of HTTP: its device row, and the sessions of its requests. It keeps no state that another
// gateway would need: what it remembers is a copy of the database's.
import { addressOf, type Context } from '../context/context.ts';
import { StartWait } from '../context/start-wait.ts';
import { Session } from '../db/session.ts';
import { readSettings } from '../db/settings/read-settings.ts';
import { AfdError } from '../domain/errors.ts';
import { LivenessClient } from '../node/liveness-client.ts';
import { nodeReport } from '../node/liveness-events.ts';
import type { LivenessReport } from '../node/liveness-messages.ts';
import { livenessSettings, type NodeFacts, obeyFleet } from '../node/liveness-settings.ts';
import type { Near } from '../ring/notifier.ts';
import { openRingPort, type RingPort } from '../ring/ring-port.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import { ChangeHub } from './changes/change-hub.ts';
import { RemoteDevices } from './devices/remote-devices.ts';
import { DatabaseWatch } from './requests/database-watch.ts';
import { ListReads } from './requests/list-reads.ts';
import { RequestContexts } from './requests/request-contexts.ts';
import { TaskWatch } from './task-watch.ts';

export interface GatewayFacts extends NodeFacts {
  /** Seconds that the start may wait for the database. */
  waitDatabaseS?: number | undefined;
}

/** Sessions of requests, beside the one of the liveness thread. */
const SESSIONS = 8;
/** Deadline of the watch's questions, in milliseconds: sooner than those of requests, which end by `database.call_timeout`. */
const WATCH_MS = 2000;

/** Runs when its device row is written; `finished` rejects with what ended it. */
export class Gateway extends Service {
  readonly context: Context;
  readonly requests: RequestContexts;
  readonly lists: ListReads;
  readonly changes: ChangeHub;
  readonly taskWatch: TaskWatch;
  readonly watch: DatabaseWatch;
  /** Aborted when the gateway is asked to stop, before anything is closed: what waits for something answers now. */
  readonly stopping: AbortSignal;
  readonly #stopping = new AbortController();
  readonly #facts: GatewayFacts;
  #deviceId = '';
  #devices: RemoteDevices | undefined;

  constructor(context: Context, facts: GatewayFacts) {
    super();
    this.context = context;
    this.#facts = facts;
    this.stopping = this.#stopping.signal;
    const { events } = context;
    this.watch = new DatabaseWatch({
      openSession: () => watchSession(context),
      onAway: (error) => {
        this.requests.refuseWaiting(error);
        events.emit('warning', { message: `requests are refused until the database answers again: ${error.message}` });
      },
      onBack: () => events.emit('note', { message: 'the database answers again, and requests are carried out' }),
    });
    const near: Near = {
      room: (work) => this.#devices?.near.room(work) ?? 0,
      wake: (work) => this.#devices?.near.wake(work) ?? 0,
      expect: (work) => this.#devices?.near.expect(work) ?? (() => {}),
    };
    this.requests = new RequestContexts(context, { most: SESSIONS, watch: this.watch, near });
    this.lists = new ListReads(context, this.requests);
    this.changes = new ChangeHub(
      context,
      (work) => this.requests.use(work),
      () => this.#deviceId,
    );
    this.taskWatch = new TaskWatch(this.requests);
  }

  /** From now on nothing that waits goes on waiting, and it is not ready. It serves until `stop()`. */
  beginStop(): void {
    this.#stopping.abort();
    this.#devices?.endWaits();
    this.taskWatch.release();
  }

  /** Of this process: `<host name>-gateway`, perhaps with a number. Empty before it runs. */
  get deviceId(): string {
    return this.#deviceId;
  }

  /** Of afd. */
  get version(): string {
    return this.#facts.version;
  }

  /** Those behind it. @throws AfdError E_TEMPORARY before it runs */
  get devices(): RemoteDevices {
    if (this.#devices === undefined) throw new AfdError('E_TEMPORARY', 'The gateway is starting.');
    return this.#devices;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const { context } = this;
    const { events } = context;
    const wait = new StartWait({ seconds: this.#facts.waitDatabaseS ?? 0, events, stop: signal });
    // First: it brings the fleet's values.
    await wait.run(() => this.requests.use(async () => {}));
    const session = await wait.run(() => context.session({ multiStatements: true }));
    const port = await this.#openRingPort(session.facts.localAddress);
    const role = { deviceType: 'gateway' as const, capabilities: {}, slots: 0, contend: false, ring: port.published };
    const settings = livenessSettings(context, this.#facts, role);
    settings.waitDatabaseMs = wait.leftMs;
    const onReport = (report: LivenessReport) => {
      if (report.kind === 'registered') this.#deviceId = report.deviceId;
      if (report.kind === 'settings') {
        liveness.send(obeyFleet(context, report));
        this.#devices?.settingsRead(report.rows);
      }
      if (report.kind === 'database-lost') this.watch.doubt();
      if (report.kind === 'database-back') context.writer?.recheck();
      nodeReport(report, events, this.#deviceId);
    };
    const liveness: LivenessClient = new LivenessClient(settings, onReport);
    try {
      await liveness.start();
      const { requests } = this;
      const devices = new RemoteDevices({ context, requests, gatewayId: this.#deviceId, port, session });
      this.#devices = devices;
      // The liveness thread may have taken longer than an idle session lasts.
      await session.ready();
      devices.settingsRead(await readSettings(session, context.names));
      await devices.start();
      await this.watch.start();
      await this.taskWatch.start();
      await this.changes.start();
      running();
      await untilAborted(signal, [liveness, devices, this.watch, this.taskWatch, this.changes]);
    } finally {
      this.beginStop();
      await this.changes.stop();
      await this.taskWatch.stop();
      await this.#devices?.stop();
      await this.requests.close();
      await this.watch.stop();
      port.socket?.close();
      await liveness.stop();
    }
  }

  /** Another than that of a worker beside it. */
  #openRingPort(localAddress: string | undefined): Promise<RingPort> {
    const { enabled, host } = this.context.config.worker.ring;
    const onProblem = (why: string) => {
      const message = `The UDP port for rings could not be opened (${why}): devices behind this gateway find tasks by polling only.`;
      this.context.events.emit('warning', { message });
    };
    return openRingPort({ enabled, host, port: 0, localAddress, onProblem });
  }
}

function watchSession(context: Context): Session {
  const { config } = context;
  return new Session({
    address: addressOf(context),
    writer: context.writer,
    timeZone: config.database.time_zone,
    idleTimeoutS: config.database.session_timeout,
    deadlineMs: WATCH_MS,
    connectTimeoutMs: WATCH_MS,
    role: 'gateway',
    multiStatements: true,
  });
}
