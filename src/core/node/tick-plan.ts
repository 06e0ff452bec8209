import type { TickAsk } from '../db/lanes/tick-statement.ts';
import type { LaneRank } from '../domain/lane.ts';
import { PollPause } from '../runtime/poll-pause.ts';
import type { LivenessSettings, Wanted } from './liveness-messages.ts';

/** What each tick asks, and when another connection takes its place. */
export class TickPlan {
  wanted: Wanted = { ranks: [], known: [], devices: false };
  readonly #settings: LivenessSettings;
  #discoverAt = Number.NEGATIVE_INFINITY;
  #turnAt: number | undefined;
  readonly #pause = new PollPause();

  constructor(settings: LivenessSettings) {
    this.#settings = settings;
  }

  /**
   * A tick came back at this monotonic time, asked at `since`. Returns the lanes and ranks that are due. `due`
   * undefined = its poll was broken off: the work session polls in place of the next tick, with more time.
   */
  answered({ ranks }: TickAsk, due: number[] | undefined, at: number, since: number): LaneRank[] {
    if (ranks === undefined) return [];
    if (due === undefined) {
      this.#pause.brokenOff(at, at - since);
      this.#turnAt = at;
      return [];
    }
    this.#pause.polled(at, at - since);
    return due.flatMap((n) => ranks[n] ?? []);
  }

  /**
   * What to ask at this monotonic time. Undefined = it is the turn of the work session, which polls for due tasks in
   * place of this tick: that keeps it from its idle timeout, and costs no extra round trip.
   */
  next(at: number, deviceId: string): TickAsk | undefined {
    const { deviceType, tickIntervalMs, taskPollIntervalMs, keepWarmMs, capabilities } = this.#settings;
    const worker = deviceType === 'worker';
    // First half-way between two heartbeats, which take the place of a tick too.
    this.#turnAt ??= at + keepWarmMs / 2;
    if (worker && at >= this.#turnAt) {
      this.#turnAt = at + keepWarmMs - tickIntervalMs / 2;
      return undefined;
    }
    const polls = worker && at >= this.#discoverAt && at >= this.#pause.until;
    if (polls) this.#discoverAt = at + taskPollIntervalMs - tickIntervalMs / 2;
    const { ranks, known, devices } = this.wanted;
    const types = capabilities.supported_tasks;
    return {
      device_id: deviceId,
      ranks: polls ? ranks : undefined,
      lanes: { types: Array.isArray(types) ? types.map(String) : [], known },
      // In each: an operator who cancels waits for it.
      withOpen: worker,
      trustAfterStartS: this.#settings.lockTrustAfterStartMs / 1000,
      devicesOf: devices ? this.#settings.heartbeatTimeoutMs / 1000 : undefined,
    };
  }
}
