// How fast tasks of a type end here. Of short types a worker prefetches some, so that it does not wait for the database
// between two tasks, and has their attempts materialized with their ends (deferred claims). For a type that it does not
// know yet it assumes what holds for all that has ended here recently, and prefetches up to the cold-start cap.

import type { ClaimSource } from '../../db/claim/claim-source.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { Admission, ClaimRequest } from '../../db/claim/take-tasks.ts';
import { monotonic } from '../../runtime/clock.ts';

/** Ends seen before a type, or all that runs here, may be called short. */
const LEAST_SEEN = 20;
/** Most tasks that one claim takes of a type that is only assumed to be short, unless there are more slots. */
const COLD_START_CAP = 100;
/** A type is short while its attempts last less than this on average. */
export const SHORT_MS = 200;
/** Weight of the newest attempt in the moving average; a slow one counts more, so that a change is felt at once. */
const NEWEST = 0.05;
const NEWEST_IF_SLOWER = 0.5;
/** Milliseconds of work that are prefetched where claims are quick: an idle device waits no longer for its share. */
const LEAST_PREFETCH_MS = 100;
/** The same where claims take long: what runs meanwhile is prefetched too. */
const MOST_PREFETCH_MS = 1000;
/**
 * A claim takes a tenth of the time at most: it costs some milliseconds of CPU time, whatever it carries, which many processes on
 * few cores do not have. Where claims are quick, this is less than LEAST_PREFETCH_MS.
 */
const PREFETCH_CLAIMS = 10;
/** Weight of the newest claim in the moving average of what claims take. */
const NEWEST_CLAIM = 0.25;
const PREFETCH_MOST = 500;
/**
 * Nor are more tasks prefetched than have ended here in about this time. Of many processes on few cores each runs its
 * tasks in a burst, as fast as if it were alone, and then waits for its turn: by the bursts alone it would hold work
 * for seconds.
 */
const RECENT_MS = 1000;
/** After a pause of RECENT_MS the ends of a shorter time count for as long; those of less than this count as those of this. */
const LEAST_RECENT_MS = 100;
/** The rate of ends is taken over as much work at most. */
const WINDOW_MS = 50;
/** Less work than this is not measured but noise. */
const LEAST_WORK_MS = 0.1;
/** A prefetched task that has waited this long is returned: the slots have become slower than they were. */
export const PREFETCH_TTL_MS = 2000;

interface Seen {
  seen: number;
  mean_ms: number;
}

export class TaskTimings {
  readonly #types = new Map<string, Seen>();
  #all: Seen | undefined;
  readonly #now: () => number;
  #ends = 0;
  #worked_ms = 0;
  /** Since when there is something to run; undefined = there is nothing. */
  #since: number | undefined;
  /** Ends per millisecond in which there was something to run: what the device manages when it need not wait for work. */
  #rate = 0;
  /** Ends of the last RECENT_MS: each fades with its age. */
  #recent = 0;
  #fadedAt = 0;
  /** When the first task began after the last pause of RECENT_MS. */
  #firstAt = 0;
  #restedAt = Number.NEGATIVE_INFINITY;
  #claim_ms = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number = monotonic) {
    this.#now = now;
  }

  /** An attempt ended by itself after this many milliseconds. */
  note(taskType: string, ageMs: number): void {
    this.#ends += 1;
    const now = this.#now();
    this.#clock(now);
    this.#fade(now);
    this.#recent += 1;
    if (this.#worked_ms >= WINDOW_MS) this.#reckon();
    this.#blend(taskType, ageMs, 1);
  }

  /** An attempt has run for this long, and goes on: counted before it ends. */
  lasts(taskType: string, ageMs: number): void {
    this.#blend(taskType, ageMs, 0);
  }

  #blend(taskType: string, ageMs: number, ends: 0 | 1): void {
    this.#types.set(taskType, blend(this.#types.get(taskType), ageMs, ends));
    this.#all = blend(this.#all, ageMs, ends);
  }

  /** A claim took this many milliseconds, from its first statement to its COMMIT. */
  claimed(tookMs: number): void {
    this.#claim_ms += (Math.min(tookMs, MOST_PREFETCH_MS) - this.#claim_ms) * NEWEST_CLAIM;
  }

  /** There is something to run now. */
  begin(): void {
    const now = this.#now();
    if (this.#since === undefined && now - this.#restedAt > RECENT_MS) {
      this.#firstAt = now;
      this.#recent = 0;
    }
    this.#since ??= now;
  }

  /** There is nothing to run any more. */
  rest(): void {
    this.#restedAt = this.#now();
    this.#clock(this.#restedAt);
    this.#since = undefined;
    this.#reckon();
  }

  #clock(now: number): void {
    if (this.#since === undefined) return;
    this.#worked_ms += now - this.#since;
    this.#since = now;
  }

  #fade(now: number): void {
    this.#recent *= Math.exp((this.#fadedAt - now) / RECENT_MS);
    this.#fadedAt = now;
  }

  /** What would have ended in RECENT_MS at the same rate throughout. */
  #lately(): number {
    const now = this.#now();
    this.#fade(now);
    return this.#recent / (1 - Math.exp(-Math.max(now - this.#firstAt, LEAST_RECENT_MS) / RECENT_MS));
  }

  #reckon(): void {
    if (this.#ends === 0) return;
    const rate = this.#ends / Math.max(this.#worked_ms, LEAST_WORK_MS);
    this.#rate = this.#rate === 0 ? rate : (this.#rate + rate) / 2;
    this.#ends = 0;
    this.#worked_ms = 0;
  }

  isShort(taskType: string): boolean {
    return this.#meanOf(taskType) < SHORT_MS;
  }

  /** True while a type is called short because the others are. */
  isCold(taskType: string): boolean {
    return (this.#types.get(taskType)?.seen ?? 0) < LEAST_SEEN;
  }

  /** Milliseconds that an attempt of this type lasts; infinite where that is not known. */
  #meanOf(taskType: string): number {
    const known = this.#types.get(taskType);
    if (known !== undefined && known.seen >= LEAST_SEEN) return known.mean_ms;
    // Assumed of a new type only while none of its own attempts contradicts it.
    if (this.#all === undefined || this.#all.seen < LEAST_SEEN) return Number.POSITIVE_INFINITY;
    return Math.max(this.#all.mean_ms, known?.mean_ms ?? 0);
  }

  /**
   * How many tasks of a type to hold beyond the slots: as many as end here while PREFETCH_CLAIMS claims are under way, at most as many as
   * `slots`, those that long tasks do not hold, could run in that time, and as many as ended here lately.
   */
  prefetchLimit(taskType: string, slots: number): number {
    if (!this.isShort(taskType)) return 0;
    const possible = slots / Math.max(this.#meanOf(taskType), 0.01);
    const lately = Math.max(slots, this.#lately());
    const prefetchMs = Math.min(MOST_PREFETCH_MS, Math.max(LEAST_PREFETCH_MS, PREFETCH_CLAIMS * this.#claim_ms));
    return Math.floor(Math.min(PREFETCH_MOST, lately, prefetchMs * Math.min(this.#rate, possible)));
  }

  /**
   * How many tasks of a type one claim may take; undefined = the type is not known before the rows are. A cold type
   * gets at most the cap: were it slow after all, more tasks would wait two seconds for nothing until they are
   * returned.
   */
  mostFrom(taskType: string | undefined, { free, short }: Pick<ClaimRequest, 'free' | 'short'>): number {
    const cold = taskType !== undefined && this.isCold(taskType) && this.isShort(taskType);
    return cold ? Math.max(free, short, COLD_START_CAP) : Number.POSITIVE_INFINITY;
  }

  /**
   * What a claim does with a candidate. Only first attempts are deferred or prefetched: a task that a worker has died
   * under gets its attempt row with the claim from then on, and begins at once, so that its deaths are counted and no
   * worker dies with it unbegun.
   */
  admit(
    candidate: ClaimedTask,
    source: ClaimSource['kind'],
    { free, short }: Pick<ClaimRequest, 'free' | 'short'>,
    index: number,
  ): Admission {
    const first = candidate.attempt === 0 && candidate.claimed_by === null && source === 'lane';
    const deferred = first && this.isShort(candidate.task_type);
    if (index < free) return deferred ? 'defer' : 'record';
    return deferred && index - free < this.prefetchLimit(candidate.task_type, short) ? 'defer' : 'stop';
  }
}

function blend(known: Seen | undefined, ageMs: number, ends: 0 | 1): Seen {
  if (known === undefined) return { seen: ends, mean_ms: ageMs };
  known.seen += ends;
  known.mean_ms += (ageMs - known.mean_ms) * (ageMs > SHORT_MS ? NEWEST_IF_SLOWER : NEWEST);
  return known;
}
