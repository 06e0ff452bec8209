// How fast tasks of a type end here. Of brisk ones a worker claims some ahead of its free slots, so that it does not wait
// for the database between two of them, and lets their attempts be recorded with their ends (light claims).
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
const AHEAD_MS = 50;
const MOST_AHEAD = 500;
/** What was claimed ahead and has waited for so long is given back: the slots have become slower than they were. */
export const GIVE_BACK_MS = 200;

/** What a worker has to offer a claim. */
export interface Room {
  /** Slots in which a task can begin now. */
  free: number;
  /** Slots that long tasks do not hold. */
  slots: number;
}

export class Pace {
  readonly #types = new Map<string, { seen: number; mean_ms: number }>();

  /** An attempt ended by itself after so many milliseconds. */
  note(taskType: string, ageMs: number): void {
    const known = this.#types.get(taskType);
    if (known === undefined) {
      this.#types.set(taskType, { seen: 1, mean_ms: ageMs });
      return;
    }
    known.seen += 1;
    known.mean_ms += (ageMs - known.mean_ms) * (ageMs > BRISK_MS ? NEWEST_IF_SLOWER : NEWEST);
  }

  brisk(taskType: string): boolean {
    const known = this.#types.get(taskType);
    return known !== undefined && known.seen >= LEAST_SEEN && known.mean_ms < BRISK_MS;
  }

  /** How many tasks of a type to hold beyond the slots: what `slots` of them, not held by long tasks, run in AHEAD_MS. */
  ahead(taskType: string, slots: number): number {
    if (!this.brisk(taskType)) return 0;
    const { mean_ms } = this.#types.get(taskType)!;
    return Math.min(MOST_AHEAD, Math.floor((slots * AHEAD_MS) / Math.max(mean_ms, 0.01)));
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
