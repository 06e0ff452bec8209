import { type LaneHead, RANKS_PER_WALK, START } from '../db/lanes/discover-lanes.ts';
import type { LaneRank } from '../domain/lane.ts';
import { laneRankKey } from '../domain/lane.ts';

/** Lanes and ranks that are kept at most: each tick of each worker reads the published table. */
const MOST_KEPT = 10_000;

interface Known {
  head: LaneHead;
  /** The walk that saw it last. */
  walk: number;
}

/**
 * All lanes and ranks that the last walks found, in the order of the index. One walk reads a part of them; the next
 * goes on where it was cut, and begins anew behind the end. What a walk does not pass is kept as it was read.
 */
export class LaneMap {
  readonly #perWalk: number;
  readonly #mostKept: number;
  #known: Known[] = [];
  #after: LaneRank = START;
  #walk = 0;

  constructor(perWalk = RANKS_PER_WALK, mostKept = MOST_KEPT) {
    this.#perWalk = perWalk;
    this.#mostKept = mostKept;
  }

  get size(): number {
    return this.#known.length;
  }

  /** Where the next walk begins, how far it may go, and what it will probably meet. */
  get next(): { after: LaneRank; perWalk: number; guide: LaneHead[] } {
    const from = this.#behind(this.#after);
    const guide = this.#known.slice(from, from + this.#perWalk - 1).map((one) => one.head);
    return { after: this.#after, perWalk: this.#perWalk, guide };
  }

  /**
   * Takes in what a walk from `next` found. `upTo`: where it was cut; undefined = it came to the end. `dropped`: lanes
   * and ranks elsewhere that there is no room for: first what was not due at `now` (as due_at is spelled), then what
   * was read longest ago.
   */
  walked(heads: LaneHead[], now: string): { appeared: number; upTo: LaneRank | undefined; dropped: LaneRank[] } {
    const cut = heads.length >= this.#perWalk;
    const upTo = cut ? heads.at(-1) : undefined;
    const from = this.#behind(this.#after);
    const to = upTo === undefined ? this.#known.length : this.#behind(upTo);
    const before = new Set(this.#known.slice(from, to).map((one) => laneRankKey(one.head)));
    this.#walk += 1;
    const seen = heads.map((head) => ({ head, walk: this.#walk }));
    this.#known = [...this.#known.slice(0, from), ...seen, ...this.#known.slice(to)];
    this.#after = upTo ?? START;
    const appeared = heads.filter((head) => !before.has(laneRankKey(head))).length;
    return { appeared, upTo, dropped: this.#drop(now) };
  }

  #drop(now: string): LaneRank[] {
    const excess = this.#known.length - this.#mostKept;
    if (excess <= 0) return [];
    const due = (one: Known) => (one.head.due_at <= now ? 1 : 0);
    const dropped = new Set(
      this.#known
        .filter((one) => one.walk !== this.#walk)
        .sort((a, b) => due(a) - due(b) || a.walk - b.walk)
        .slice(0, excess),
    );
    this.#known = this.#known.filter((one) => !dropped.has(one));
    return [...dropped].map((one) => one.head);
  }

  /** Index of the first known lane and rank behind this one. */
  #behind(laneRank: LaneRank): number {
    let [low, high] = [0, this.#known.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareRanks(this.#known[middle]!.head, laneRank) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** As the index sorts them. */
export function compareRanks(a: LaneRank, b: LaneRank): number {
  return Buffer.compare(a.lane, b.lane) || a.claim_rank - b.claim_rank;
}
