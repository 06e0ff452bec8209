// A worker behind a gateway: it has no way to the database. Its gateway knows what is due; while none answers, it goes on with
// what it has, and keeps what it cannot deliver.
import { resolve } from 'node:path';
import { ownRenewal } from '../certificates/own-renewal.ts';
import type { Context } from '../context/context.ts';
import { attemptKey } from '../domain/attempt/attempt-key.ts';
import type { Handler } from '../handlers/handler.ts';
import { deviceIdOf } from '../node/device-identity.ts';
import type { LivenessCommand } from '../node/liveness-messages.ts';
import { GatewayChoice, GatewayClient } from '../remote/gateway-client.ts';
import { tlsPaths } from '../remote/tls-paths.ts';
import type { Loop } from '../runtime/loop.ts';
import { Claimer } from './claim/claimer.ts';
import { GatewayPlanner } from './claim/gateway-planner.ts';
import { deliverLeft } from './journal/deliver-left.ts';
import { Journal, type JournalOptions } from './journal/journal.ts';
import { KeptEnds } from './journal/kept-ends.ts';
import { obeyOpen } from './obey-view.ts';
import { GatewayLogs } from './port/gateway-logs.ts';
import { GatewayReports } from './port/gateway-reports.ts';
import { GatewayWork, recoverCall } from './port/gateway-work.ts';
import { LateClaims } from './port/late-claims.ts';
import type { RegisteredDevice } from './port/work-port.ts';
import type { Finding, FindingOptions, WorkerClaimer, WorkerLink } from './worker-link.ts';

export interface GatewayLinkOptions {
  urls: readonly string[];
  hostname: string;
  handlers: ReadonlyMap<string, Handler>;
  /** Of the worker; systemd names a folder for its state there. */
  env: Record<string, string | undefined>;
  /** To the liveness thread. */
  send(command: LivenessCommand): void;
}

const FOLDER = 'afd-journal';

export class GatewayLink implements WorkerLink {
  readonly rung = { address: undefined, port: 0, token: undefined };
  readonly #context: Context;
  readonly #o: GatewayLinkOptions;
  readonly #choice: GatewayChoice;
  readonly #clients: GatewayClient[] = [];
  readonly #work: GatewayClient;
  readonly #journaling: JournalOptions;
  readonly #renewal: Loop | undefined;
  #journal: Journal | undefined;
  #ports: { logs: GatewayLogs; reports: GatewayReports } | undefined;

  constructor(context: Context, options: GatewayLinkOptions) {
    const { worker } = context.config;
    this.#context = context;
    this.#o = options;
    this.#choice = new GatewayChoice(options.urls);
    this.#work = this.#client();
    this.#renewal = this.#renewalOf();
    const folder = worker.journal ?? options.env.STATE_DIRECTORY?.split(':')[0] ?? FOLDER;
    this.#journaling = {
      folder: resolve(context.resolved.baseDir, folder),
      mostBytes: worker.journal_bytes,
      warn: (message) => context.events.emit('warning', { message }),
      note: (message) => context.events.emit('note', { message }),
    };
  }

  get where(): string {
    return this.#work.where;
  }

  async open(): Promise<void> {
    const deviceId = this.#context.config.worker.device_id ?? deviceIdOf(this.#o.hostname);
    await deliverLeft({ ...this.#journaling, client: this.#work, events: this.#context.events }, deviceId);
    void this.#renewal?.start();
  }

  /** Its gateway has closed what earlier processes left, when it registered. */
  async registered(): Promise<void> {}

  ports(device: RegisteredDevice) {
    this.#journal = new Journal(this.#journaling, device);
    const { deviceId } = device;
    this.#ports = {
      logs: new GatewayLogs(this.#client(), deviceId, this.#journal),
      reports: new GatewayReports(this.#client(), deviceId, this.#journal),
    };
    return this.#ports;
  }

  find(options: FindingOptions): Finding {
    const { config, events } = this.#context;
    const { deviceId, instanceToken, runner, rooms, timings, board, attempts, mayClaim } = options;
    const { logs, reports } = this.#ports!;
    const kept = new KeptEnds(this.#journal!);
    const { offline_for: offlineForS, prefetch } = config.worker;
    const apart = this.#client();
    const late = new LateClaims((tokens) => recoverCall(apart, { deviceId, instanceToken }, tokens));
    const work = new GatewayWork({
      ...{ client: this.#work, deviceId, instanceToken, kept, late, offlineForS },
      before: () => reports.deliver(),
    });
    const planner = new GatewayPlanner({
      ...{ events, slots: runner, rooms, timings, board, prefetch, mayClaim },
      canKeep: () => this.#journal!.canKeep(),
      types: new Map([...this.#o.handlers].map(([type, { timeout }]) => [type, timeout])),
    });
    /** Nobody else knows of it, and its slots may have gone to others since. */
    const releaseLate = ({ at, found }: Awaited<ReturnType<LateClaims['check']>>) => {
      for (const { id: task_id, task_type, assignment_id, claim_token, attempt } of found) {
        const one = { task_id, claim_token };
        if (attempts.has(attemptKey(one)) || claimer.holds(one, at)) continue;
        const outcome = { kind: 'released', cause: 'unclaimed' } as const;
        claimer.finish({ ...one, task_type, assignment_id, attempt: attempt + 1, outcome, age_ms: null });
      }
    };
    let told = '';
    const tell = () => {
      const waiting = { ...planner.waiting, held: runner.open };
      const now = `${waiting.free > 0} ${waiting.without.join()} ${waiting.held > 0}`;
      if (now === told) return;
      told = now;
      this.#o.send({ kind: 'waiting', ...waiting });
    };
    const onIdle = () => {
      tell();
      options.claims.onIdle();
    };
    const claimer: WorkerClaimer = new Claimer({ ...options.claims, onIdle, work, planner, poller: planner });
    return {
      claimer,
      polls: planner,
      unknown: false,
      sender: undefined,
      returned: () => {},
      ended: (finish) => kept.add(finish),
      changed: () => {},
      view(at, view) {
        obeyOpen({ attempts, claimer }, at, view.open);
        // What cannot be asked now is asked with the next view.
        late.check().then(releaseLate, () => {});
        return undefined;
      },
      turn: () => {},
      due() {
        // The thread waits without slots until the next message.
        told = '';
        planner.due();
        claimer.wake();
      },
      heard(report) {
        if (report === 'database-lost') kept.away();
        if (report === 'database-back' || report === 'main-back') claimer.wake();
        if (report !== 'database-back') return;
        // What cannot be delivered after all goes with what comes next.
        for (const one of [logs, reports]) one.deliver().catch(() => {});
      },
      onExchange: () => {},
      onReconciled: () => {},
      onPermission: () => {},
    };
  }

  async close(): Promise<void> {
    const stopped = this.#renewal?.stop();
    for (const one of this.#clients) one.cut();
    await stopped;
    await this.#journal?.close();
  }

  #renewalOf(): Loop | undefined {
    const { resolved, events } = this.#context;
    const { cert, key } = tlsPaths(resolved) ?? {};
    if (cert === undefined || key === undefined) return undefined;
    return ownRenewal({
      ...{ client: this.#client(), cert, key },
      note: (message) => events.emit('note', { message }),
      warn: (message) => events.emit('warning', { message }),
    });
  }

  #client(): GatewayClient {
    const { config, resolved } = this.#context;
    const options = {
      urls: this.#o.urls,
      apiKey: config.master.api_key,
      tls: tlsPaths(resolved),
      callTimeoutMs: config.database.call_timeout * 1000,
    };
    const client = new GatewayClient(options, this.#choice);
    this.#clients.push(client);
    return client;
  }
}
