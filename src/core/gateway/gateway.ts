// The part of a gateway that knows nothing of HTTP: its device row, and the sessions of its requests. It keeps no state that another
// gateway would need: what it remembers is a copy of the database's.
import type { Context } from '../context/context.ts';
import { StartWait } from '../context/start-wait.ts';
import { readSettings } from '../db/settings/read-settings.ts';
import { AfdError } from '../domain/errors.ts';
import { LivenessClient } from '../node/liveness-client.ts';
import { nodeReport } from '../node/liveness-events.ts';
import type { LivenessReport } from '../node/liveness-messages.ts';
import { livenessSettings, type NodeFacts, obeyFleet } from '../node/liveness-settings.ts';
import { openRingPort, type RingPort } from '../ring/ring-port.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import { RemoteDevices } from './devices/remote-devices.ts';
import { RequestContexts } from './request-contexts.ts';

export interface GatewayFacts extends NodeFacts {
  /** Seconds that the start may wait for the database. */
  waitDatabaseS?: number | undefined;
}

/** Sessions of requests, beside the one of the liveness thread. */
const SESSIONS = 8;

/** Runs when its device row is written; `finished` rejects with what ended it. */
export class Gateway extends Service {
  readonly context: Context;
  readonly requests: RequestContexts;
  readonly #facts: GatewayFacts;
  #deviceId = '';
  #devices: RemoteDevices | undefined;

  constructor(context: Context, facts: GatewayFacts) {
    super();
    this.context = context;
    this.#facts = facts;
    this.requests = new RequestContexts(context, SESSIONS);
  }

  /** Of this process: `<host name>-gateway`, perhaps with a number. Empty before it runs. */
  get deviceId(): string {
    return this.#deviceId;
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
        liveness.send(obeyFleet(context, report.rows));
        this.#devices?.settingsRead(report.rows);
      }
      nodeReport(report, events, this.#deviceId);
    };
    const liveness: LivenessClient = new LivenessClient(settings, onReport);
    try {
      await liveness.start();
      const { requests } = this;
      const devices = new RemoteDevices({ context, requests, gatewayId: this.#deviceId, port, session });
      this.#devices = devices;
      devices.settingsRead(await readSettings(session, context.names));
      await devices.start();
      running();
      await untilAborted(signal, [liveness, devices]);
    } finally {
      await this.#devices?.stop();
      await this.requests.close();
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
