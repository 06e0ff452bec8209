// Everything by which a remote worker is known to live: it registers with a gateway, sends heartbeats, and has a call open that
// tells it of work and of what was taken from it. Runs in the liveness thread, as that of a direct worker does.
import { randomBytes } from 'node:crypto';
import type { WaitAnswer, WireOpenAttempt } from '../../../http/device-contract.ts';
import { DatabaseError, isConnectionLost } from '../../db/database-error.ts';
import { GatewayChoice, GatewayClient } from '../../remote/gateway-client.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service, untilAborted } from '../../runtime/service.ts';
import { DeviceLoad } from '../device-load.ts';
import { LeaseTrust } from '../lease-trust.ts';
import type { LivenessCommand, LivenessSettings, Reporter } from '../liveness-messages.ts';
import { MainSilence, type Outside } from '../main-silence.ts';
import { heartbeatCall, signOffCall, waitCall } from './device-calls.ts';
import { type RemoteIdentity, registerRemotely } from './registration.ts';
import { RemoteHostages } from './remote-hostages.ts';
import { settingsReport, superseded, viewReport } from './remote-reports.ts';
import { WaitingCall } from './waiting-call.ts';

/** A heartbeat that failed is tried again after this, a call that waits after this at most. */
const HEARTBEAT_RETRY_MS = 2000;
/** How long a call waits for something to happen. */
const WAIT_S = 25;
/** Sign-off is best effort. */
const LEAVE_MS = 1000;

type Gateways = NonNullable<LivenessSettings['gateway']>;

export class RemoteLiveness extends Service {
  readonly #settings: LivenessSettings;
  readonly #gateway: Gateways;
  readonly #report: Reporter;
  readonly #choice: GatewayChoice;
  /** The call that waits has a connection of its own. */
  readonly #waiter: GatewayClient;
  readonly #client: GatewayClient;
  readonly #load: DeviceLoad;
  readonly #leaseTrust: LeaseTrust;
  readonly #silence: MainSilence;
  readonly #news: WaitingCall;
  readonly #instanceToken = randomBytes(16);
  #deviceId = '';
  #cursor: string | undefined;
  #beatDue = 0;
  #wake: (() => void) | undefined;
  #lostSince: number | undefined;
  #stopping = new AbortController();

  constructor(settings: LivenessSettings, gateway: Gateways, report: Reporter, outside?: Outside) {
    super();
    this.#settings = settings;
    this.#gateway = gateway;
    this.#report = report;
    // A call that waits at one that hangs would do so for long.
    this.#choice = new GatewayChoice(gateway.urls, () => this.#news.cut());
    const options = { ...gateway, callTimeoutMs: settings.callTimeoutMs };
    this.#waiter = new GatewayClient(options, this.#choice);
    this.#client = new GatewayClient(options, this.#choice);
    this.#news = new WaitingCall({
      ask: (told, signal) => {
        const timeoutMs = WAIT_S * 1000 + this.#settings.callTimeoutMs;
        return waitCall(this.#waiter, this.#own, { ...told, seconds: WAIT_S, after: this.#cursor, signal, timeoutMs });
      },
      take: (answer, at) => this.#take(answer, at),
      failed: (error) => this.#failed(error),
    });
    this.#load = new DeviceLoad(settings, (reasons) => {
      report({ kind: 'over-limits', reasons });
      this.command({ kind: 'heartbeat' });
    });
    this.#leaseTrust = new LeaseTrust(this.#leaseMs, () => report({ kind: 'trust-over', gateway: true }));
    this.#silence = new MainSilence({
      ...{ settings, report, outside },
      hostages: (board) => new RemoteHostages(this.#client, board),
      deviceId: () => (this.#deviceId === '' ? undefined : this.#deviceId),
      onChange: () => this.command({ kind: 'heartbeat' }),
    });
  }

  command(command: LivenessCommand): void {
    if (command.kind === 'running') this.#load.note(command);
    else if (command.kind === 'stuck') this.#load.stuck = command.tasks;
    else if (command.kind === 'waiting') this.#news.told(command);
    else if (command.kind === 'heartbeat-timeout') {
      this.#settings.heartbeatTimeoutMs = command.milliseconds;
      this.#leaseTrust.change(this.#leaseMs);
    } else if (command.kind === 'heartbeat') {
      this.#beatDue = 0;
      this.#wake?.();
    }
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const parts = this.#silence.watch === undefined ? [this.#load] : [this.#load, this.#silence.watch];
    const over = () => {
      this.#stopping.abort();
      this.#news.cut();
      this.#wake?.();
    };
    signal.addEventListener('abort', over, { once: true });
    try {
      await this.#register();
      for (const one of parts) void one.start();
      running();
      const ended = untilAborted(signal, parts);
      const loops = Promise.all([ended, this.#beats(), this.#news.run(this.#stopping.signal)]);
      await loops.finally(over);
      await this.#signOff();
    } finally {
      this.#news.close();
      this.#leaseTrust.close();
      await Promise.all(parts.map((one) => one.stop()));
      for (const one of [this.#client, this.#waiter]) one.cut();
    }
  }

  /** How long a gateway keeps what a silent device holds. */
  get #leaseMs(): number {
    return Math.max(this.#settings.heartbeatTimeoutMs, this.#gateway.offlineForMs);
  }

  async #register(): Promise<void> {
    const { signal } = this.#stopping;
    const { deviceId, at, answer } = await registerRemotely(this.#client, this.#settings, this.#instanceToken, signal);
    this.#deviceId = deviceId;
    this.#leaseTrust.renew(at);
    const server = [answer.server ?? [], this.#client.where].flat().join(', by ');
    this.#report({ kind: 'registered', ...this.#own, server, ipAddress: '' });
    if (answer.settings !== undefined) this.#report(settingsReport(answer.settings));
  }

  get #own(): RemoteIdentity {
    return { deviceId: this.#deviceId, instanceToken: this.#instanceToken };
  }

  async #beats(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const now = monotonic();
      if (now >= this.#beatDue) await this.#heartbeat();
      if (this.#silence.silent && monotonic() >= this.#silence.due)
        await this.#silence.check(this.#own).catch((error: unknown) => this.#failed(error));
      const cut = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const next = Math.min(this.#beatDue, this.#silence.due) - monotonic();
      if (next > 0) await sleep(next, signal, cut);
      this.#wake = undefined;
    }
  }

  async #heartbeat(): Promise<void> {
    const at = monotonic();
    const { heartbeatIntervalMs } = this.#settings;
    this.#beatDue = at + Math.min(HEARTBEAT_RETRY_MS, heartbeatIntervalMs);
    const beat = this.#load.beat(this.#own);
    const said = { ...beat, over_limits: [...beat.over_limits, ...this.#silence.held] };
    try {
      const { device, open, settings } = await heartbeatCall(this.#client, said, this.#load.readings());
      // One that was asked for meanwhile comes next.
      if (this.#beatDue !== 0) this.#beatDue = at + heartbeatIntervalMs;
      this.#answered(at);
      this.#report({ kind: 'heartbeat', status: said.status });
      this.#report(settingsReport(settings));
      this.#view(at, device, open);
    } catch (error) {
      this.#failed(error);
      if (isConnectionLost(error)) this.#news.cut();
    }
  }

  #take(answer: WaitAnswer, at: number): void {
    this.#answered(at);
    this.#cursor = answer.cursor;
    // First of all: a task waits.
    if (answer.work) this.#report({ kind: 'work' });
    if (answer.settings !== undefined) this.#report(settingsReport(answer.settings));
    this.#view(at, answer.device, answer.open);
  }

  #view(at: number, device: WaitAnswer['device'], open: WireOpenAttempt[] | undefined): void {
    if (device === null) throw superseded(this.#deviceId);
    // Declared dead by mistake: it lives.
    if (device.status === 'offline') this.command({ kind: 'heartbeat' });
    this.#report(viewReport(at, device, open));
  }

  /** A good answer to a call that began at this monotonic time. */
  #answered(at: number): void {
    this.#leaseTrust.renew(at);
    if (this.#lostSince === undefined) return;
    const afterMs = monotonic() - this.#lostSince;
    this.#lostSince = undefined;
    this.#report({ kind: 'database-back', afterMs, server: this.#client.where, gateway: true });
  }

  /** @throws what no gateway and no other try can cure */
  #failed(error: unknown): void {
    if (!(error instanceof DatabaseError) || error.fault === 'statement') throw error;
    if (!isConnectionLost(error) || this.#lostSince !== undefined || this.#stopping.signal.aborted) return;
    this.#lostSince = monotonic();
    this.#report({ kind: 'database-lost', message: error.message, gateway: true });
  }

  async #signOff(): Promise<void> {
    if (this.#lostSince !== undefined) return;
    const tried = signOffCall(this.#client, this.#deviceId, this.#instanceToken).catch((error: Error) => {
      this.#report({ kind: 'warning', message: `The device could not be set to offline: ${error.message}` });
    });
    await sleep(LEAVE_MS, undefined, tried);
  }
}
