// Finds dead devices by two signs, and takes back what they held. The rules and their reasons:
// docs/explain/leader-election.md, "Who is dead".

import type { Config } from '../../config/config-schema.ts';
import { heartbeatCoverage } from '../../db/devices/heartbeat-coverage.ts';
import { markDeviceDead, type SeenDevice } from '../../db/devices/mark-device-dead.ts';
import { silentDevices } from '../../db/devices/silent-devices.ts';
import { unlockedDevices } from '../../db/devices/unlocked-devices.ts';
import { type FoundDead, LockWatch } from '../../election/lock-watch.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import type { DutySession } from '../duty/duty-session.ts';
import { Failures } from '../duty/failures.ts';
import { noRescues, type RescueCounts } from './rescue-counts.ts';
import { Rescuer } from './rescuer.ts';
import { SilenceJudge, silentForTwice } from './silence.ts';

export interface HealthCheckOptions {
  duty: DutySession;
  settings: Config['master'];
  events: Events;
  /** Milliseconds of a monotonic clock. */
  monotonic?: () => number;
  random?: () => number;
  /** Monotonic milliseconds of the last reconnect of this process's liveness session, if it had one; now while it is lost. */
  lastReconnectAt?: (() => number | undefined) | undefined;
  /** The leader before, if the lease was taken from it because it is dead. */
  found?: FoundDead | undefined;
}

/** That check takes at most a twentieth of the time. */
const STRAY_COST_FACTOR = 20;

export interface HealthCounts extends RescueCounts {
  dead: number;
}

/** Devices that are to be declared dead, and the connection on which that was found. */
interface Judged {
  devices: SeenDevice[];
  connection: string;
}

/** The steps of a check. A step that ends the connection is the last of its round, so the next round begins behind it. */
const STEPS = ['silent', 'orphaned', 'revoked', 'overdue', 'foreign', 'strayClaims'] as const;

export class HealthCheck {
  readonly #o: HealthCheckOptions;
  readonly #now: () => number;
  readonly #locks: LockWatch;
  readonly #silence: SilenceJudge;
  readonly #rescuer: Rescuer;
  /** Monotonic time of the next check of all deferred claims, which reads the index over all running tasks. */
  #strayClaimsAt = 0;
  #firstStep = 0;

  constructor(options: HealthCheckOptions) {
    const { settings, duty } = options;
    this.#o = options;
    this.#now = options.monotonic ?? monotonic;
    this.#locks = new LockWatch({
      graceMs: settings.lock_grace * 1000,
      trustAfterReconnectMs: settings.lock_trust_after_start * 1000,
      lastReconnectAt: options.lastReconnectAt,
      found: options.found,
    });
    this.#silence = new SilenceJudge({
      // The fleet may change it during a term.
      get timeoutMs() {
        return settings.heartbeat_timeout * 1000;
      },
    });
    this.#rescuer = new Rescuer({
      duty,
      policy: settings,
      revokeTimeoutS: settings.revoke_timeout,
      ...(options.random === undefined ? {} : { random: options.random }),
    });
  }

  /**
   * (a) Dead by lock, each `lock_check_interval`; also rescues what they held.
   * @throws PartsFailed after all that could be done was done; NotLeader, DatabaseError
   */
  async checkLocks(): Promise<HealthCounts> {
    const { duty, settings } = this.#o;
    const check = await duty.run(async (session) => ({
      unlocked: await unlockedDevices(session, duty.names, settings.lock_trust_after_start),
      connection: session.facts.connection,
      now: this.#now(),
    }));
    const others = { ...check, unlocked: check.unlocked.filter((device) => !this.#isMe(device)) };
    const failures = new Failures(duty);
    const counts = noCounts();
    await this.#bury({ ...check, devices: this.#locks.check(others) }, 'lock', counts, failures);
    return failures.end(counts);
  }

  /**
   * (b) dead by heartbeat, then every open attempt that is orphaned, revoked too long ago, overdue, or foreign; each kind
   * whatever becomes of the others. `once`: for a process without a past.
   * @throws PartsFailed after all that could be done was done; NotLeader, DatabaseError
   */
  async runOnce({ once = false }: { once?: boolean } = {}): Promise<HealthCounts> {
    const failures = new Failures(this.#o.duty);
    const counts = noCounts();
    const first = this.#firstStep;
    this.#firstStep = 0;
    for (let n = 0; n < STEPS.length; n += 1) {
      const at = (first + n) % STEPS.length;
      const step = STEPS[at]!;
      try {
        await failures.part(step, () => this.#step(step, once, counts, failures));
      } catch (error) {
        this.#firstStep = (at + 1) % STEPS.length;
        throw error;
      }
    }
    return failures.end(counts);
  }

  async #step(step: (typeof STEPS)[number], once: boolean, counts: HealthCounts, failures: Failures): Promise<void> {
    if (step === 'silent') return this.#bury(await this.#silentDevices(once), 'heartbeat', counts, failures);
    if (step !== 'strayClaims') return add(counts, await this.#rescuer[step](failures));
    const begun = this.#now();
    if (begun < this.#strayClaimsAt) return;
    add(counts, await this.#rescuer.strayClaims(failures));
    const { scheduler_interval } = this.#o.settings;
    this.#strayClaimsAt = this.#now() + Math.max(scheduler_interval * 1000, STRAY_COST_FACTOR * (this.#now() - begun));
  }

  async #silentDevices(once: boolean): Promise<Judged> {
    const { duty, settings } = this.#o;
    const timeoutS = settings.heartbeat_timeout;
    const check = await duty.run(async (session) => ({
      ...(await silentDevices(session, duty.names, timeoutS)),
      connection: session.facts.connection,
      now: this.#now(),
    }));
    const dead = once
      ? silentForTwice(check, timeoutS * 1000)
      : await this.#silence.judge(check, () => duty.run((session) => heartbeatCoverage(session, duty.names, timeoutS)));
    return { ...check, devices: dead.filter((device) => !this.#isMe(device)) };
  }

  /** Declares them dead, one fenced write each, and takes back what they held. */
  async #bury(
    { devices, connection }: Judged,
    by: 'lock' | 'heartbeat',
    counts: HealthCounts,
    failures: Failures,
  ): Promise<void> {
    const { events } = this.#o;
    const dead: string[] = [];
    try {
      for (const device of devices) {
        const { device_id } = device;
        if (!(await this.#declare(device, connection, by, failures))) continue;
        dead.push(device_id);
        this.#rescuer.declaredDead(device_id);
      }
      if (dead.length === 0) return;
      counts.dead += dead.length;
      await failures.part('strayClaims', async () => add(counts, await this.#rescuer.strayClaims(failures)));
      await failures.part('orphaned', async () => add(counts, await this.#rescuer.orphaned(failures, true)));
      for (const device_id of dead) add(counts, await this.#rescuer.left(device_id, failures));
    } finally {
      for (const device_id of dead) {
        events.emit('device:dead', { device_id, by, tasks: this.#rescuer.takenFrom(device_id) });
      }
    }
  }

  /**
   * What was read on one connection is no judgement on another: its server has been replaced, or started again, and nobody holds a lock
   * there yet.
   */
  async #declare(
    device: SeenDevice,
    connection: string,
    by: 'lock' | 'heartbeat',
    failures: Failures,
  ): Promise<boolean> {
    const { duty } = this.#o;
    const { device_id } = device;
    const first = this.#rescuer.declaringDead(device_id);
    let declared: boolean | undefined;
    try {
      declared = await failures.part(`device ${device_id}`, () =>
        duty.fenced(
          async (session) =>
            session.facts.connection === connection && (await markDeviceDead(session, duty.names, device, by)),
        ),
      );
    } finally {
      if (declared !== true && first) this.#rescuer.takenFrom(device_id);
    }
    return declared === true;
  }

  /** A node is no judge of itself: it is dead when another leader says so. */
  #isMe(device: SeenDevice): boolean {
    return device.device_id.toLowerCase() === this.#o.duty.lease.holder.toLowerCase();
  }
}

function noCounts(): HealthCounts {
  return { dead: 0, ...noRescues() };
}

function add(counts: HealthCounts, more: RescueCounts): void {
  for (const key of Object.keys(more) as Array<keyof RescueCounts>) counts[key] += more[key];
}
