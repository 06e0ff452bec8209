// Everything by which a node is known to live: the session lock, the heartbeat, the tick, and the election. One session,
// one loop, one statement at a time. Runs in a thread of its own, so that no handler can delay it.

import { DatabaseError, isConnectionLost } from '../db/database-error.ts';
import type { Beat } from '../db/devices/heartbeat-device.ts';
import { signOffDevice } from '../db/devices/sign-off-device.ts';
import { tick } from '../db/lanes/tick.ts';
import type { LeaseRow } from '../db/leader/read-lease.ts';
import { setIdleTimeout } from '../db/server/set-idle-timeout.ts';
import type { Session } from '../db/session.ts';
import { type TableNames, tableNames } from '../db/table-names.ts';
import { ElectionRound } from '../election/election-round.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import { BlockedClaims } from './blocked-claims.ts';
import { type Identity, startIdentity } from './device-identity.ts';
import { DeviceLoad } from './device-load.ts';
import { sendHeartbeat } from './heartbeat.ts';
import { LeaseTrust } from './lease-trust.ts';
import type { LivenessCommand, LivenessSettings, Reporter } from './liveness-messages.ts';
import { electorFor, livenessSession } from './liveness-settings.ts';
import { MainSilence, type Outside } from './main-silence.ts';
import { OwnDevice } from './own-device.ts';
import { reportSlow } from './slow-round.ts';
import { TickPlan } from './tick-plan.ts';

const HEARTBEAT_RETRY_MS = 2000;
/** Reconnects wait 20 ms, doubling, at most this. */
const RECONNECT_MOST_MS = 1000;

/** Registers the device as its start, then keeps it alive until stopped. `finished` rejects with AfdError, DatabaseError. */
export class Liveness extends Service {
  readonly #settings: LivenessSettings;
  readonly #report: Reporter;
  readonly #names: TableNames;
  readonly #session: Session;
  readonly #load: DeviceLoad;
  #identity: Identity | undefined;
  #election: ElectionRound | undefined;
  readonly #plan: TickPlan;
  #tickedAt = 0;
  #stopping = false;
  #wake: (() => void) | undefined;
  #device: OwnDevice | undefined;
  #due = { heartbeat: 0, tick: 0 };
  #lostSince: number | undefined;
  readonly #leaseTrust: LeaseTrust;
  readonly #silence: MainSilence;

  /** `outside`: undefined = the process has no log and no end of its own, as in a test. `open` makes its session. */
  constructor(settings: LivenessSettings, report: Reporter, outside?: Outside, open = livenessSession) {
    super();
    this.#settings = settings;
    this.#report = report;
    this.#names = tableNames(settings.tables);
    this.#plan = new TickPlan(settings);
    this.#load = new DeviceLoad(settings, (reasons) => {
      report({ kind: 'over-limits', reasons });
      this.command({ kind: 'heartbeat' });
    });
    this.#leaseTrust = new LeaseTrust(settings.heartbeatTimeoutMs, () => report({ kind: 'trust-over' }));
    this.#session = open(settings, () => this.#lost('the connection was closed'));
    this.#silence = new MainSilence({
      settings,
      hostages: (board) => new BlockedClaims(this.#session, this.#names, board),
      report,
      outside,
      deviceId: () => this.#identity?.deviceId,
      onChange: () => this.command({ kind: 'heartbeat' }),
    });
  }

  command(command: LivenessCommand): void {
    if (command.kind === 'running') this.#load.note(command);
    else if (command.kind === 'stuck') this.#load.stuck = command.tasks;
    else if (command.kind === 'lane-ranks') this.#plan.wanted = command;
    else if (command.kind === 'tick') this.#due.tick = 0;
    else if (command.kind === 'heartbeat') this.#due.heartbeat = 0;
    else if (command.kind === 'heartbeat-timeout') this.#settings.heartbeatTimeoutMs = command.milliseconds;
    else if (command.kind === 'resign') this.#election?.resign();
    else if (command.kind === 'work-session') this.#silence.work = command;
    if (command.kind !== 'running' && command.kind !== 'lane-ranks') this.#wake?.();
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const parts = this.#silence.watch === undefined ? [this.#load] : [this.#load, this.#silence.watch];
    const over = () => {
      this.#stopping = true;
      this.#wake?.();
    };
    signal.addEventListener('abort', over, { once: true });
    try {
      await this.#register();
      for (const one of parts) void one.start();
      running();
      // A part that fails ends all of it.
      const ended = untilAborted(signal, parts);
      ended.catch(over);
      while (!this.#stopping) {
        await reportSlow(this.#round(), this.#settings, this.#report);
        await this.#sleep();
      }
      await ended;
      await this.#signOff();
    } finally {
      this.#leaseTrust.close();
      const stopped = parts.map((one) => one.stop());
      // First, because it frees the lock for the next process of this device.
      await this.#election?.close();
      await this.#session.close();
      await Promise.all(stopped);
    }
  }

  async #register(): Promise<void> {
    const identity = await startIdentity(this.#session, this.#names, this.#settings, () => this.#stopping);
    this.#identity = identity;
    const warn = (message: string) => this.#report({ kind: 'warning', message });
    this.#device = new OwnDevice(this.#session, this.#names, identity, warn);
    const elector = electorFor(this.#settings, identity, this.#names, {
      onGained: (term, found) => this.#report({ kind: 'leader-gained', term, found }),
      onLost: (term, reason) => this.#report({ kind: 'leader-lost', term, reason }),
      warn,
    });
    this.#election = new ElectionRound(elector, this.#settings.leaseRenewMs);
    this.#leaseTrust.renew(identity.registeredAt);
    this.#due.heartbeat = identity.registeredAt + this.#settings.heartbeatIntervalMs;
    this.#report({
      kind: 'registered',
      deviceId: identity.deviceId,
      instanceToken: identity.instanceToken,
      server: this.#session.facts.serverName,
      ipAddress: identity.ipAddress,
    });
  }

  async #round(): Promise<void> {
    try {
      await this.#reconnect();
      await this.#obeyTimeout();
      const now = monotonic();
      if (this.#silence.silent) await this.#election!.yield(this.#session, now);
      if (now >= this.#due.heartbeat) await this.#heartbeat();
      const seen = now >= this.#due.tick ? await this.#tick() : undefined;
      if (this.#silence.silent) await this.#silence.check(this.#identity!);
      else await this.#election!.move(this.#session, now, seen);
    } catch (error) {
      if (!isConnectionLost(error) && !(error instanceof DatabaseError && error.retry !== 'final')) throw error;
      this.#lost((error as Error).message);
      this.#session.destroy();
    }
  }

  /** Wakes the loop: the leader declares a device with a free lock dead after lock_grace. */
  #lost(message: string): void {
    if (this.#lostSince !== undefined || this.#identity === undefined || this.#stopping) return;
    this.#lostSince = monotonic();
    this.#report({ kind: 'database-lost', message });
    this.#wake?.();
  }

  /** After a loss: lock and heartbeat at once, before the leader can count this device as dead. */
  async #reconnect(): Promise<void> {
    await this.#session.ready();
    const device = this.#device!;
    if (device.locked && this.#lostSince === undefined) return;
    const started = monotonic();
    const retaken = await device.retake(this.#beat(), Math.min(1, this.#settings.callTimeoutMs / 2000));
    this.#leaseTrust.renew(started);
    if (!retaken) return;
    this.#due.heartbeat = started + this.#settings.heartbeatIntervalMs;
    this.#due.tick = 0;
    const since = this.#lostSince;
    const server = `${this.#session.where} (${this.#session.facts.serverName})`;
    if (since !== undefined) this.#report({ kind: 'database-back', afterMs: monotonic() - since, server });
    this.#lostSince = undefined;
  }

  #beat(): Beat {
    const beat = this.#load.beat(this.#identity!);
    return { ...beat, over_limits: [...beat.over_limits, ...this.#silence.held] };
  }

  async #heartbeat(): Promise<void> {
    const started = monotonic();
    const beat = this.#beat();
    this.#due.heartbeat = started + Math.min(HEARTBEAT_RETRY_MS, this.#settings.heartbeatIntervalMs);
    const readings = this.#load.readings();
    await this.#device!.confirm(await sendHeartbeat(this.#session, this.#names, beat, readings, this.#report));
    this.#leaseTrust.renew(started);
    this.#due.heartbeat = started + this.#settings.heartbeatIntervalMs;
    this.#report({ kind: 'heartbeat', status: beat.status });
    // It goes in place of a tick, but of one at a time.
    const { tickIntervalMs } = this.#settings;
    if (started - this.#tickedAt < 2 * tickIntervalMs)
      this.#due.tick = Math.max(this.#due.tick, started + tickIntervalMs);
  }

  /** When the fleet has another heartbeat_timeout: lock, heartbeat and trust window stay one number. */
  async #obeyTimeout(): Promise<void> {
    const seconds = this.#settings.heartbeatTimeoutMs / 1000;
    if (this.#session.options.idleTimeoutS === seconds) return;
    this.#leaseTrust.change(seconds * 1000);
    await setIdleTimeout(this.#session, seconds);
    this.#session.options.idleTimeoutS = seconds;
  }

  /** The leader row, as it was seen. */
  async #tick(): Promise<LeaseRow | undefined> {
    const at = monotonic();
    this.#due.tick = at + this.#settings.tickIntervalMs;
    this.#tickedAt = at;
    // A main thread that hears nothing is sent nothing.
    if (this.#silence.silent) return undefined;
    const ask = this.#plan.next(at, this.#identity!.deviceId);
    if (ask === undefined) {
      this.#report({ kind: 'turn' });
      return undefined;
    }
    const { lease, ...view } = await tick(this.#session, this.#names, ask);
    const due = this.#plan.answered(ask, view.due, monotonic(), at);
    this.#report({ kind: 'view', at, view: { ...view, due, leader_lives: lease?.valid === 1 } });
    return lease;
  }

  async #sleep(): Promise<void> {
    if (this.#stopping) return;
    const now = monotonic();
    const next = Math.min(...Object.values(this.#due), this.#silence.due, this.#election?.due ?? 0) - now;
    const lostFor = this.#lostSince === undefined ? undefined : now - this.#lostSince;
    const pause = lostFor === undefined ? Math.max(0, next) : Math.min(RECONNECT_MOST_MS, Math.max(20, lostFor));
    const cut = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await sleep(pause, undefined, cut);
    this.#wake = undefined;
  }

  /** Best effort: what cannot be said now is found out by the others through the lock. */
  async #signOff(): Promise<void> {
    if (this.#identity === undefined || !this.#session.alive) return;
    try {
      await this.#election?.resignNow(this.#session);
      await signOffDevice(this.#session, this.#names, this.#identity.deviceId, this.#identity.instanceToken);
    } catch (error) {
      this.#report({ kind: 'warning', message: `The device could not be set to offline: ${(error as Error).message}` });
    }
  }
}
