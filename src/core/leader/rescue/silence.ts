import type { Silence, SilentDevice } from '../../db/devices/silent-devices.ts';

export interface SilenceOptions {
  /** Milliseconds without a heartbeat after which a device is dead. */
  timeoutMs: number;
}

/** Milliseconds by which the database's clock may run away from ours between two checks before it counts as a step. */
const CLOCK_STEP_MS = 1000;
/** Online devices that make a crowd. */
const CROWD = 3;

/**
 * Judges silent devices: whose fault is it? Keeps what one process can know of the past: since when the database could be
 * reached throughout, and since when half of the fleet has been silent. Clocks are handed in.
 */
export class SilenceJudge {
  readonly #options: SilenceOptions;
  #connection: string | undefined;
  #reachableSince = 0;
  #clocks: { now: number; database: number } | undefined;
  #crowdSince: number | undefined;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /**
   * The devices to declare dead. `covered` asks whether other devices' heartbeats show that the database could be
   * reached all the time; only called when this connection is too young to show it.
   */
  async judge(
    reading: Silence & { connection: string; now: number },
    covered: () => Promise<boolean>,
  ): Promise<SilentDevice[]> {
    const { timeoutMs } = this.#options;
    const { silent, online, now } = reading;
    this.#watchConnection(reading);
    const crowd = online >= CROWD && silent.length * 2 >= online;
    if (!crowd) this.#crowdSince = undefined;
    if (silent.length === 0 || reading.uptime_s * 1000 < timeoutMs) return [];
    if (crowd) {
      this.#crowdSince ??= now;
      if (now - this.#crowdSince < timeoutMs) return [];
    }
    if (now - this.#reachableSince < timeoutMs && !(await covered())) return [];
    return silent;
  }

  #watchConnection(reading: { connection: string; now: number; database_ms: number }): void {
    const before = this.#clocks;
    const step = before === undefined ? 0 : reading.database_ms - before.database - (reading.now - before.now);
    if (this.#connection !== reading.connection || Math.abs(step) > CLOCK_STEP_MS) {
      this.#reachableSince = reading.now;
      this.#connection = reading.connection;
      this.#crowdSince = undefined;
    }
    this.#clocks = { now: reading.now, database: reading.database_ms };
  }
}

/** `afd leader --once` has no past of its own: only what is twice as old, on a server that has been up for as long. */
export function silentForTwice(reading: Silence, timeoutMs: number): SilentDevice[] {
  if (reading.uptime_s * 1000 < 2 * timeoutMs) return [];
  return reading.silent.filter((device) => device.silent_s * 1000 >= 2 * timeoutMs);
}
