// Reads of lanes that a ring names and this worker does not know. A ring costs its sender a datagram and costs the
// database a statement, so the statements have a bound of their own, and what was read is not read again.

import { type KnownLane, type LaneRank, laneRankKey } from '../domain/lane.ts';
import { PerSecond } from '../ring/per-second.ts';
import { monotonic } from '../runtime/clock.ts';

/** Reads that begin within any second. */
export const READS_PER_SECOND = 10;
/** How long a lane and rank without a task is not read again: a poll finds what comes there meanwhile, as without a ring. */
const NOTHING_MS = 1000;
/** Lanes and ranks whose answer is kept. */
const MOST_KEPT = 1000;

export class LaneReads {
  readonly #read: (laneRank: LaneRank) => Promise<KnownLane | undefined>;
  readonly #now: () => number;
  /** By lane, whatever the rank: its hash names the type and the requirements for ever. */
  readonly #rows = new Map<string, KnownLane>();
  /** By lane and rank: until when (monotonic ms) its answer is that nothing waits there. */
  readonly #nothing = new Map<string, number>();
  readonly #rate: PerSecond;
  #underWay: { key: string; answer: Promise<KnownLane | undefined> } | undefined;

  /**
   * `read`: one row of the lane and rank from the database; undefined = none is pending there. `now`: milliseconds,
   * monotonic.
   */
  constructor(read: (laneRank: LaneRank) => Promise<KnownLane | undefined>, now: () => number = monotonic) {
    this.#read = read;
    this.#now = now;
    this.#rate = new PerSecond(READS_PER_SECOND, now);
  }

  /**
   * What the tasks of the lane require, perhaps with another rank that was read before. Undefined = none is pending, or it may not be read now: another read
   * is under way, or ten began within the last second. @throws whatever the read throws; that is no answer, and not
   * kept
   */
  async of(laneRank: LaneRank): Promise<KnownLane | undefined> {
    const lane = laneRank.lane.toString('hex');
    const kept = this.#rows.get(lane);
    if (kept !== undefined) return kept;
    const key = laneRankKey(laneRank);
    if (this.#underWay?.key === key) return this.#underWay.answer;
    if ((this.#nothing.get(key) ?? Number.NEGATIVE_INFINITY) > this.#now() || !this.#allowed()) return undefined;
    const answer = this.#read(laneRank);
    this.#underWay = { key, answer };
    try {
      const row = await answer;
      if (row === undefined) keep(this.#nothing, key, this.#now() + NOTHING_MS);
      else keep(this.#rows, lane, row);
      return row;
    } finally {
      this.#underWay = undefined;
    }
  }

  #allowed(): boolean {
    return this.#underWay === undefined && this.#rate.take();
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MOST_KEPT) break;
    map.delete(oldest);
  }
}
