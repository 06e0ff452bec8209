// How fast tasks of a type end here. Of brisk ones a worker claims some ahead of its free slots, so that it does not wait
// for the database between two of them, and lets their attempts be recorded with their ends (light claims).
import { monotonic } from '../clock.ts';
import type { Weighed } from '../db/finish-and-claim.ts';
import type { Candidate, ClaimSource } from '../db/queries/select-candidates.ts';

/** Ends seen before a type may be called brisk. */
const LEAST_SEEN = 20;
/** A type is brisk while its attempts last less than this on average. */
export const BRISK_MS = 200;
/** Weight of the newest attempt in the moving average; a slow one counts more, so that a change is felt at once. */
const NEWEST = 0.05;
const NEWEST_IF_SLOWER = 0.5;
/** So much work is claimed ahead of the slots that will run it: an idle device waits no longer for its share. */
const AHEAD_MS = 100;
const MOST_AHEAD = 500;
/** The rate of ends is taken over at least so long. */
const WINDOW_MS = 50;
/** What was claimed ahead and has waited for so long is given back: the slots have become slower than they were. */
export const GIVE_BACK_MS = 1000;

/** What a worker has to offer a claim. */
export interface Room {
  /** Slots in which a task can begin now. */
  free: number;
  /** Slots that long tasks do not hold. */
  slots: number;
}

export class Pace {
  readonly #types = new Map<string, { seen: number; mean_ms: number }>();
  readonly #now: () => number;
  #window: { since: number; ends: number } | undefined;
  /** Ends per millisecond: what the device manages, with all that it waits for between two attempts. */
  #rate = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number = monotonic) {
    this.#now = now;
  }

  /** An attempt ended by itself after so many milliseconds. */
  note(taskType: string, ageMs: number): void {
    this.#count();
    const known = this.#types.get(taskType);
    if (known === undefined) {
      this.#types.set(taskType, { seen: 1, mean_ms: ageMs });
      return;
    }
    known.seen += 1;
    known.mean_ms += (ageMs - known.mean_ms) * (ageMs > BRISK_MS ? NEWEST_IF_SLOWER : NEWEST);
  }

  #count(): void {
    const now = this.#now();
    this.#window ??= { since: now, ends: 0 };
    this.#window.ends += 1;
    const took = now - this.#window.since;
    if (took < WINDOW_MS) return;
    const rate = this.#window.ends / took;
    this.#rate = this.#rate === 0 ? rate : (this.#rate + rate) / 2;
    this.#window = { since: now, ends: 0 };
  }

  brisk(taskType: string): boolean {
    const known = this.#types.get(taskType);
    return known !== undefined && known.seen >= LEAST_SEEN && known.mean_ms < BRISK_MS;
  }

  /**
   * How many tasks of a type to hold beyond the slots: what ends here in AHEAD_MS, and no more than `slots` of them, those
   * that long tasks do not hold, could run in that time.
   */
  ahead(taskType: string, slots: number): number {
    if (!this.brisk(taskType)) return 0;
    const { mean_ms } = this.#types.get(taskType)!;
    return Math.min(MOST_AHEAD, Math.floor(AHEAD_MS * Math.min(this.#rate, slots / Math.max(mean_ms, 0.01))));
  }

  /**
   * What a claim does with a candidate. Only first attempts are claimed lightly or ahead: a task that a worker has died
   * under is recorded from then on, and begins at once, so that its deaths are counted and nobody dies with it unbegun.
   */
  weigh(candidate: Candidate, source: ClaimSource['kind'], { free, slots }: Room, index: number): Weighed {
    const first = candidate.attempt === 0 && candidate.claimed_by === null && source === 'lane';
    const light = first && this.brisk(candidate.task_type);
    if (index < free) return light ? 'light' : 'full';
    return light && index - free < this.ahead(candidate.task_type, slots) ? 'light' : 'enough';
  }
}
