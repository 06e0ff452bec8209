// What this node knows about where there is work: the lanes and ranks it may run, which of them are maybe due, and
// where its last claim in each of them ended. Knowledge only: the claim itself is the truth.

import type { ClaimSource, Cursor } from '../../db/claim/claim-source.ts';
import { type Capabilities, infeasibleReasons, type LaneRequirements } from '../../domain/eligibility.ts';
import type { LaneRank } from '../../domain/lane.ts';
import { laneRankKey } from '../../domain/lane.ts';
import { scarceFirst } from '../../domain/placement/scarce-first.ts';
import { requirementsOf } from '../../domain/task/requirements.ts';
import { monotonic } from '../../runtime/clock.ts';
import { CURSOR_CHECK_LEAST_MS, type KnownLane, type LaneEntry, newEntry } from './lane-entry.ts';

/** More branches than this make the tick's statement cost more than reading af_lane (400 branches: 8–15 ms). */
const MOST_RANKS = 32;
/** Entries kept; beyond it the ones without due tasks are forgotten, and learned again when they have some. */
const MOST_ENTRIES = 2000;
/** One claim in this many serves lanes in turn, so that a lane that many devices can run is not left for ever. */
const BY_TURN = 8;
/** Cursor checks take at most a twentieth of the time. */
const CURSOR_CHECK_COST_FACTOR = 20;

export class LaneCatalog {
  readonly #capabilities: Capabilities;
  readonly #deviceId: string;
  readonly #defers: (lane: LaneRequirements) => boolean;
  readonly #entries = new Map<string, LaneEntry>();
  readonly #refused = new Set<string>();
  #directed = false;
  #lastClaim = 0;
  #claims = 0;
  readonly #random: () => number;

  /**
   * `defers`: whether this device defers to others in a lane now; it takes directed tasks all the same. `random` in [0,
   * 1) draws the order of lanes that were never claimed from.
   */
  constructor(
    deviceId: string,
    capabilities: Capabilities,
    defers: (lane: LaneRequirements) => boolean = () => false,
    random: () => number = Math.random,
  ) {
    this.#random = random;
    this.#deviceId = deviceId;
    this.#capabilities = capabilities;
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
    return infeasibleReasons(this.#capabilities, lane).length === 0;
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
  lane(lane: Buffer): Omit<KnownLane, 'claim_rank'> | undefined {
    return [...this.#entries.values()].find((entry) => entry.lane.equals(lane));
  }

  /**
   * Where to claim now; empty = nothing known to be due. Best rank first; of one rank what fewer devices can run, so that
   * work which only we can do does not wait behind work that others could; of equal ones, in turn.
   */
  sources(most: number, { free }: { free: number }): ClaimSource[] {
    const scarcity = this.#claims % BY_TURN === BY_TURN - 1 ? byRank : scarceFirst;
    const now = monotonic();
    const due = [...this.#entries.values()]
      .filter((entry) => entry.maybeDue && (free > 0 || !entry.needsSlot) && entry.restsUntil <= now)
      .filter((entry) => !this.#defers({ task_type: entry.task_type, required_capabilities: entry.requires }))
      .sort((a, b) => scarcity(a, b) || a.lastClaim - b.lastClaim || a.tieBreaker - b.tieBreaker)
      .slice(0, most)
      .map(
        ({ lane, claim_rank, cursor, behind }): ClaimSource => ({
          kind: 'lane',
          lane,
          claim_rank,
          cursor,
          frontier: cursor !== undefined && !behind,
        }),
      );
    return this.#directed ? [{ kind: 'directed', device_id: this.#deviceId }, ...due] : due;
  }

  /** A claim has come back, whatever it brought: so the turn of each lane comes, in whatever order lanes are asked. */
  claimed(): void {
    this.#claims += 1;
  }

  /** Notes what a claim got from a source. `short`: nothing more is due there. `free`: slots in which it could have begun. */
  noteYield(source: ClaimSource, short: boolean, rows: Array<{ due_at: string; id: number }>, free = 1): void {
    if (source.kind !== 'lane') {
      if (source.kind === 'directed' && short) this.#directed = false;
      return;
    }
    const entry = this.#entries.get(laneRankKey(source));
    if (entry === undefined) return;
    this.#lastClaim += 1;
    entry.lastClaim = this.#lastClaim;
    const last = rows.at(-1);
    // From the frontier on nothing more is due. The next claim shows whether something is between the cursor and the
    // frontier.
    const skipped = short && source.frontier === true;
    entry.maybeDue = !short || skipped;
    entry.behind = skipped;
    entry.needsSlot = !short && last === undefined && free === 0;
    // What was skipped lies behind the old cursor, wherever this claim began.
    if (last !== undefined && !skipped) entry.cursor = { due_at: last.due_at, id: last.id };
  }

  /** After a claim of this source: nothing is believed to be due there any more, or the next claim asks another way. */
  cooled(source: ClaimSource): boolean {
    if (source.kind === 'directed') return !this.#directed;
    const entry = source.kind === 'lane' ? this.#entries.get(laneRankKey(source)) : undefined;
    return entry?.maybeDue !== true || (entry.behind && source.kind === 'lane' && source.frontier === true);
  }

  /** A claim of this source failed although no row of it is the cause: it is left alone for this many milliseconds. */
  rest(source: ClaimSource, milliseconds: number): void {
    const entry = source.kind === 'lane' ? this.#entries.get(laneRankKey(source)) : undefined;
    if (entry !== undefined) entry.restsUntil = monotonic() + milliseconds;
    else this.#directed = false;
  }

  /** Type of the tasks of a source; undefined for directed ones. */
  typeOf(source: ClaimSource): string | undefined {
    return source.kind === 'lane' ? this.#entries.get(laneRankKey(source))?.task_type : undefined;
  }

  /** True when the cursor of this source should be checked: its claim came back short, or its time has come. */
  cursorCheckDue(source: ClaimSource, short: boolean, now: number): boolean {
    const entry = source.kind === 'lane' ? this.#entries.get(laneRankKey(source)) : undefined;
    if (entry?.cursor === undefined) return false;
    return short || now - entry.cursorCheckedAt >= entry.cursorCheckEveryMs;
  }

  cursorOf(source: ClaimSource & { kind: 'lane' }): Cursor | undefined {
    return this.#entries.get(laneRankKey(source))?.cursor;
  }

  /** Result of a cursor check: the first due row at or before the cursor, if there is one. */
  cursorChecked(source: ClaimSource & { kind: 'lane' }, found: Cursor | undefined, now: number, costMs: number): void {
    const entry = this.#entries.get(laneRankKey(source));
    if (entry === undefined) return;
    entry.cursorCheckedAt = now;
    entry.cursorCheckEveryMs = Math.max(CURSOR_CHECK_LEAST_MS, CURSOR_CHECK_COST_FACTOR * costMs);
    const { cursor } = entry;
    if (found === undefined || cursor === undefined) return;
    const before = found.due_at < cursor.due_at || (found.due_at === cursor.due_at && found.id < cursor.id);
    if (before) entry.cursor = found;
    entry.behind = true;
    entry.maybeDue = true;
  }

  /** Tasks of this type were put back or inserted by this process: they may lie before its cursors. */
  dropCursors(taskType: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.task_type === taskType) entry.cursor = undefined;
    }
  }
}

function byRank(a: LaneRank, b: LaneRank): number {
  return a.claim_rank - b.claim_rank;
}
