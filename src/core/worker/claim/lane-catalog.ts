// What this node knows about where there is work: the lanes and ranks it may run, which of them are maybe due, and
// where its last claim in each of them ended. Knowledge only: the claim itself is the truth.

import type { ClaimSource, Cursor } from '../../db/claim/claim-source.ts';
import { type Capabilities, infeasibleReasons, type LaneRequirements } from '../../domain/eligibility.ts';
import { type KnownLane, type LaneRank, laneRankKey } from '../../domain/lane.ts';
import { scarceFirst } from '../../domain/placement/scarce-first.ts';
import { requirementsOf } from '../../domain/task/requirements.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { LaneCursor } from './lane-cursor.ts';
import { type LaneEntry, newEntry } from './lane-entry.ts';
import type { FullTypes } from './type-rooms.ts';

/** More branches than this make the tick's statement cost more than reading af_lane (400 branches: 8–15 ms). */
const MOST_RANKS = 32;
/** Entries kept; beyond it the ones without due tasks are forgotten, and learned again when they have some. */
const MOST_ENTRIES = 2000;
/** One claim in this many serves lanes in turn, so that a lane that many devices can run is not left for ever. */
const BY_TURN = 8;

export class LaneCatalog {
  readonly #able: (lane: LaneRequirements) => boolean;
  readonly #deviceId: string;
  readonly #defers: (lane: LaneRequirements) => boolean;
  readonly #entries = new Map<string, LaneEntry>();
  readonly #refused = new Set<string>();
  #directed = false;
  /** Types of which directed tasks may be left: none could begin when the others were claimed. */
  #leftOut: FullTypes = [];
  #lastClaim = 0;
  #claims = 0;
  readonly #random: () => number;

  /**
   * `capabilities`: of this device; a gateway says instead whether one of its devices may run a lane. `defers`: whether it
   * defers to others in a lane now; it takes directed tasks all the same. `random` in [0, 1) orders lanes never claimed from.
   */
  constructor(
    deviceId: string,
    capabilities: Capabilities | ((lane: LaneRequirements) => boolean),
    defers: (lane: LaneRequirements) => boolean = () => false,
    random: () => number = Math.random,
  ) {
    this.#random = random;
    this.#deviceId = deviceId;
    this.#able =
      typeof capabilities === 'function' ? capabilities : (lane) => infeasibleReasons(capabilities, lane).length === 0;
    this.#defers = defers;
  }

  /** More lanes and ranks than can be polled one by one: then what the leader publishes as due is believed. */
  get crowded(): boolean {
    return this.#entries.size > MOST_RANKS;
  }

  /** Takes in lanes that were published or seen. Returns true when one of them was new and is ours to run. */
  learn(lanes: KnownLane[], due = false): boolean {
    let fresh = false;
    this.#forget();
    for (const one of lanes) {
      const key = laneRankKey(one);
      const entry = this.#entries.get(key);
      if (entry !== undefined) {
        entry.maybeDue ||= due;
        entry.able = one.able ?? entry.able;
        continue;
      }
      if (this.#refused.has(key)) continue;
      if (!this.accepts(one)) {
        this.#refused.add(key);
        continue;
      }
      this.#entries.set(key, newEntry(one, due, this.#random()));
      fresh = true;
    }
    return fresh;
  }

  /** Lanes that could not be run may be runnable now: they are learned again. */
  reconsider(): void {
    this.#refused.clear();
  }

  #forget(): void {
    if (this.#refused.size > MOST_ENTRIES) this.#refused.clear();
    if (this.#entries.size <= MOST_ENTRIES) return;
    for (const [key, entry] of this.#entries) if (!entry.maybeDue) this.#entries.delete(key);
  }

  /** True when the device may run a task with these requirements. */
  accepts(task: { task_type: string; required_capabilities: string | null }): boolean {
    const lane = {
      task_type: task.task_type,
      required_capabilities: requirementsOf(task.required_capabilities).requires,
    };
    return this.#able(lane);
  }

  /** The lanes and ranks to poll, best rank first, of one rank those that were claimed from last. */
  ranks(): LaneRank[] {
    return [...this.#entries.values()]
      .sort((a, b) => a.claim_rank - b.claim_rank || b.lastClaim - a.lastClaim)
      .slice(0, MOST_RANKS)
      .map(({ lane, claim_rank }) => ({ lane, claim_rank }));
  }

  /** What need not be sent again; nothing when there are too many to poll one by one. */
  known(): Array<LaneRank & { able: number | null }> {
    if (this.crowded) return [];
    return [...this.#entries.values()].map(({ lane, claim_rank, able }) => ({ lane, claim_rank, able }));
  }

  markDue(ranks: LaneRank[], directed: boolean): void {
    for (const laneRank of ranks) {
      const entry = this.#entries.get(laneRankKey(laneRank));
      if (entry !== undefined) entry.maybeDue = true;
    }
    if (directed) this.#directed = true;
  }

  /**
   * A ring says that this lane and rank, or a directed task, is due. False = there is no such entry, or this device
   * defers to better ones.
   */
  ring(laneRank: LaneRank & { directed?: boolean }): boolean {
    this.#directed ||= laneRank.directed === true;
    const entry = this.#entries.get(laneRankKey(laneRank));
    if (entry === undefined) return laneRank.directed === true;
    entry.maybeDue = true;
    return !this.#defers({ task_type: entry.task_type, required_capabilities: entry.requires });
  }

  /** What is known of a lane, at whatever rank. */
  lane(lane: Buffer): KnownLane | undefined {
    return [...this.#entries.values()].find((entry) => entry.lane.equals(lane));
  }

  /**
   * Where to claim now; empty = nothing known to be due. Best rank first; of one rank what fewer devices can run, so that
   * work which only we can do does not wait behind work that others could; of equal ones, in turn.
   */
  sources(most: number, how: { free: number; full?: FullTypes; fits?: (entry: LaneEntry) => boolean }): ClaimSource[] {
    const { free, full = [], fits } = how;
    if (this.#leftOut.some((type) => !full.includes(type))) this.#directed = true;
    const scarcity = this.#claims % BY_TURN === BY_TURN - 1 ? byRank : scarceFirst;
    const due = this.due()
      .filter((entry) => fits === undefined || fits(entry))
      .filter((entry) => !entry.needsSlot || (free > 0 && !full.includes(entry.task_type)))
      .filter((entry) => !this.#defers({ task_type: entry.task_type, required_capabilities: entry.requires }))
      .sort((a, b) => scarcity(a, b) || a.lastClaim - b.lastClaim || a.tieBreaker - b.tieBreaker)
      .slice(0, most)
      .map(
        ({ lane, claim_rank, cursor }): ClaimSource => ({
          kind: 'lane',
          lane,
          claim_rank,
          cursor: cursor.at,
          frontier: cursor.frontier,
        }),
      );
    return this.#directed ? [{ kind: 'directed', device_id: this.#deviceId, without: full }, ...due] : due;
  }

  /** What is maybe due, and not left alone. */
  due(): LaneEntry[] {
    const now = monotonic();
    return [...this.#entries.values()].filter((entry) => entry.maybeDue && entry.restsUntil <= now);
  }

  /** A claim has come back, whatever it brought: so the turn of each lane comes, in whatever order lanes are asked. */
  claimed(): void {
    this.#claims += 1;
  }

  /**
   * Notes what a claim got from a source. `exhausted`: nothing more is due there. `free`, `full`: slots in which it could have begun,
   * and types in which it could not.
   */
  noteYield(
    source: ClaimSource,
    exhausted: boolean,
    rows: Array<{ due_at: string; id: number }>,
    { free, full = [] }: { free: number; full?: FullTypes } = { free: 1 },
  ): void {
    if (source.kind !== 'lane') {
      if (source.kind === 'directed' && exhausted) {
        this.#directed = false;
        this.#leftOut = source.without ?? [];
      }
      return;
    }
    const entry = this.#entries.get(laneRankKey(source));
    if (entry === undefined) return;
    this.#lastClaim += 1;
    entry.lastClaim = this.#lastClaim;
    const last = rows.at(-1);
    // From the frontier on nothing more is due.
    const skipped = entry.cursor.claimed(last, { exhausted, frontier: source.frontier === true });
    entry.maybeDue = !exhausted || skipped;
    entry.needsSlot = !exhausted && last === undefined && (free === 0 || full.includes(entry.task_type));
  }

  /** After a claim of this source: nothing is believed to be due there any more, or the next claim asks another way. */
  cooled(source: ClaimSource): boolean {
    if (source.kind === 'directed') return !this.#directed;
    const entry = this.#entryOf(source);
    return entry?.maybeDue !== true || (entry.cursor.behind && source.kind === 'lane' && source.frontier === true);
  }

  /** A claim of this source failed although no row of it is the cause: it is left alone for this many milliseconds. */
  rest(source: ClaimSource, milliseconds: number): void {
    const entry = this.#entryOf(source);
    if (entry !== undefined) entry.restsUntil = monotonic() + milliseconds;
    else this.#directed = false;
  }

  /** Type of the tasks of a source; undefined for directed ones. */
  typeOf(source: ClaimSource): string | undefined {
    return this.#entryOf(source)?.task_type;
  }

  /** Where claims of this source begin to read. */
  cursorOf(source: LaneRank): LaneCursor | undefined {
    return this.#entries.get(laneRankKey(source))?.cursor;
  }

  /** A check of the cursor there, which took `costMs`, has found this due row at or before it, or none. */
  cursorChecked(source: LaneRank, found: Cursor | undefined, now: number, costMs: number): void {
    const entry = this.#entries.get(laneRankKey(source));
    if (entry?.cursor.checked(found, now, costMs) === true) entry.maybeDue = true;
  }

  #entryOf(source: ClaimSource): LaneEntry | undefined {
    return source.kind === 'lane' ? this.#entries.get(laneRankKey(source)) : undefined;
  }

  /** Tasks of this type were put back or inserted by this process: they may lie before its cursors. */
  dropCursors(taskType: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.task_type === taskType) entry.cursor.drop();
    }
  }
}

function byRank(a: LaneRank, b: LaneRank): number {
  return a.claim_rank - b.claim_rank;
}
