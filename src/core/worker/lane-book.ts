// What this node knows about where there is work: the (lane, rank) pairs it may run, which of them are believed to have
// due tasks ("hot"), and where its last claim in each of them ended. Knowledge only: the claim itself is the truth.

import type { LanePair } from '../db/queries/due-work.ts';
import type { ClaimSource, Mark } from '../db/queries/select-candidates.ts';
import { type Capabilities, infeasibleReasons, type LaneRequirements } from '../domain/eligibility.ts';
import { pairKey } from '../domain/pair-key.ts';
import { scarceFirst } from '../domain/placement/scarce-first.ts';

export interface KnownLane extends LanePair {
  task_type: string;
  /** JSON text or null. */
  required_capabilities: string | null;
  /** Online devices that can run it, as published; absent or null = not known. */
  able?: number | null;
}

interface Page extends KnownLane {
  requires: Record<string, unknown> | null;
  able: number | null;
  hot: boolean;
  mark: Mark | undefined;
  /** Order of the last claim, so that lanes of one rank take turns. */
  served: number;
  /** Order of what was never served: another one in each process, so that they begin in different lanes. */
  lot: number;
  probedAt: number;
  probeEveryMs: number;
}

/** More branches than this make the tick's statement cost more than reading af_lane (400 branches: 8–15 ms). */
const MOST_PAIRS = 32;
/** Pages kept; beyond it the ones without due tasks are forgotten, and learned again when they have some. */
const MOST_PAGES = 2000;
/** Of so many claims one goes to the lane whose turn it is, so that one that many can run is not left for ever. */
const BY_TURN = 8;
/** A mark is checked at least every so often, and never for more than a twentieth of the time. */
const PROBE_LEAST_MS = 1000;
const PROBE_COST_FACTOR = 20;

export class LaneBook {
  readonly #capabilities: Capabilities;
  readonly #deviceId: string;
  readonly #yields: (lane: LaneRequirements) => boolean;
  readonly #pages = new Map<string, Page>();
  readonly #refused = new Set<string>();
  #directed = false;
  #serving = 0;
  readonly #random: () => number;

  /**
   * `yields`: whether this device leaves a lane to others now; directed tasks it takes all the same. `random` in [0, 1)
   * draws the order of lanes that were never served.
   */
  constructor(
    deviceId: string,
    capabilities: Capabilities,
    yields: (lane: LaneRequirements) => boolean = () => false,
    random: () => number = Math.random,
  ) {
    this.#random = random;
    this.#deviceId = deviceId;
    this.#capabilities = capabilities;
    this.#yields = yields;
  }

  /** More pairs than can be looked at one by one: then what the leader publishes as due is believed. */
  get crowded(): boolean {
    return this.#pages.size > MOST_PAIRS;
  }

  /** Takes in lanes that were published or seen. Returns true when one of them was new and is ours to run. */
  learn(lanes: KnownLane[], hot = false): boolean {
    let fresh = false;
    this.#forget();
    for (const one of lanes) {
      const key = pairKey(one);
      const page = this.#pages.get(key);
      if (page !== undefined) {
        page.hot ||= hot;
        page.able = one.able ?? page.able;
        continue;
      }
      if (this.#refused.has(key)) continue;
      if (!this.accepts(one)) {
        this.#refused.add(key);
        continue;
      }
      const [requires, able] = [requirementsOf(one), one.able ?? null];
      const unseen = {
        hot,
        mark: undefined,
        served: 0,
        lot: this.#random(),
        probedAt: 0,
        probeEveryMs: PROBE_LEAST_MS,
      };
      this.#pages.set(key, { ...one, requires, able, ...unseen });
      fresh = true;
    }
    return fresh;
  }

  #forget(): void {
    if (this.#refused.size > MOST_PAGES) this.#refused.clear();
    if (this.#pages.size <= MOST_PAGES) return;
    for (const [key, page] of this.#pages) if (!page.hot) this.#pages.delete(key);
  }

  /** True when the device may run a task with these requirements. */
  accepts(task: { task_type: string; required_capabilities: string | null }): boolean {
    const lane = { task_type: task.task_type, required_capabilities: requirementsOf(task) };
    return infeasibleReasons(this.#capabilities, lane).length === 0;
  }

  /** The pairs to look at, best rank first, the ones served last in front. */
  pairs(): LanePair[] {
    return [...this.#pages.values()]
      .sort((a, b) => a.claim_rank - b.claim_rank || b.served - a.served)
      .slice(0, MOST_PAIRS)
      .map(({ lane, claim_rank }) => ({ lane, claim_rank }));
  }

  /** What need not be told again; nothing when there are too many to look at one by one. */
  known(): Array<LanePair & { able: number | null }> {
    if (this.crowded) return [];
    return [...this.#pages.values()].map(({ lane, claim_rank, able }) => ({ lane, claim_rank, able }));
  }

  markDue(pairs: LanePair[], directed: boolean): void {
    for (const pair of pairs) {
      const page = this.#pages.get(pairKey(pair));
      if (page !== undefined) page.hot = true;
    }
    if (directed) this.#directed = true;
  }

  /** A ring says that this pair, or a directed task, is due. False = there is no such page, or it is left to better ones. */
  ring(pair: LanePair & { directed?: boolean }): boolean {
    this.#directed ||= pair.directed === true;
    const page = this.#pages.get(pairKey(pair));
    if (page === undefined) return pair.directed === true;
    page.hot = true;
    return !this.#yields({ task_type: page.task_type, required_capabilities: page.requires });
  }

  /** What is known of a lane, at whatever rank. */
  lane(lane: Buffer): Omit<KnownLane, 'claim_rank'> | undefined {
    return [...this.#pages.values()].find((page) => page.lane.equals(lane));
  }

  /**
   * Where to claim now; empty = nothing known to be due. Best rank first; of one rank what fewer devices can run, so that
   * work which only we can do does not wait behind work that others could; of equal ones, in turn.
   */
  sources(most: number): ClaimSource[] {
    const scarcity = this.#serving % BY_TURN === BY_TURN - 1 ? byRank : scarceFirst;
    const hot = [...this.#pages.values()]
      .filter((page) => page.hot && !this.#yields({ task_type: page.task_type, required_capabilities: page.requires }))
      .sort((a, b) => scarcity(a, b) || a.served - b.served || a.lot - b.lot)
      .slice(0, most)
      .map(({ lane, claim_rank, mark }): ClaimSource => ({ kind: 'lane', lane, claim_rank, mark }));
    return this.#directed ? [{ kind: 'directed', device_id: this.#deviceId }, ...hot] : hot;
  }

  /** Notes what a claim got from a source. `short`: nothing more is due there. */
  taken(source: ClaimSource, short: boolean, rows: Array<{ due_at: string; id: number }>): void {
    if (source.kind === 'directed') {
      if (short) this.#directed = false;
      return;
    }
    const page = this.#pages.get(pairKey(source));
    if (page === undefined) return;
    this.#serving += 1;
    page.served = this.#serving;
    page.hot = !short;
    const last = rows.at(-1);
    if (last !== undefined) page.mark = { due_at: last.due_at, id: last.id };
  }

  /** Type of the tasks of a source; undefined for directed ones. */
  typeOf(source: ClaimSource): string | undefined {
    return source.kind === 'lane' ? this.#pages.get(pairKey(source))?.task_type : undefined;
  }

  /** True when the mark of this source should be checked: its claim came back short, or its time has come. */
  probeDue(source: ClaimSource, short: boolean, now: number): boolean {
    const page = source.kind === 'lane' ? this.#pages.get(pairKey(source)) : undefined;
    if (page?.mark === undefined) return false;
    return short || now - page.probedAt >= page.probeEveryMs;
  }

  markOf(source: ClaimSource & { kind: 'lane' }): Mark | undefined {
    return this.#pages.get(pairKey(source))?.mark;
  }

  /** Result of a probe: the first due row at or before the mark, if there is one. */
  probed(source: ClaimSource & { kind: 'lane' }, found: Mark | undefined, now: number, costMs: number): void {
    const page = this.#pages.get(pairKey(source));
    if (page === undefined) return;
    page.probedAt = now;
    page.probeEveryMs = Math.max(PROBE_LEAST_MS, PROBE_COST_FACTOR * costMs);
    const { mark } = page;
    if (found === undefined || mark === undefined) return;
    if (found.due_at < mark.due_at || (found.due_at === mark.due_at && found.id < mark.id)) page.mark = found;
    page.hot = true;
  }

  /** Tasks of this type were put back or inserted by this process: they may lie before its marks. */
  dropMarks(taskType: string): void {
    for (const page of this.#pages.values()) {
      if (page.task_type === taskType) page.mark = undefined;
    }
  }
}

function requirementsOf({ required_capabilities: text }: { required_capabilities: string | null }): Page['requires'] {
  return text === null ? null : (JSON.parse(text) as Page['requires']);
}

function byRank(a: LanePair, b: LanePair): number {
  return a.claim_rank - b.claim_rank;
}
