// What a worker asks for next, in view of how its last claims went: fewer rows on a slow connection, a pause after claims that
// brought nothing, one group of tasks after another where the server refuses a row.

import type { ClaimSource } from '../../db/claim/claim-source.ts';
import { ClaimRefused, type FinishAndClaimResult } from '../../db/claim/finish-and-claim.ts';
import type { TextWidths } from '../../db/claim/text-widths.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { isOverLimit } from '../../db/server/statement-limit.ts';
import { monotonic } from '../../runtime/clock.ts';
import { type ClaimPlan, isSparse, NO_CLAIM, planClaim } from './claim-planner.ts';
import { ClaimSize } from './claim-size.ts';
import type { ClaimerOptions } from './claimer-options.ts';
import { OddTasks } from './odd-tasks.ts';

/** Pause after a claim that brought nothing although its lanes seem to have tasks (locked by others, say); doubles. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;
/** Pause after a claim that the server broke off for its length; doubles. Many devices at once would have no other end. */
const FIRST_RELIEF_MS = 1000;
const LONGEST_RELIEF_MS = 30_000;
/** How long a lane is left alone whose claims fail although no row is the cause. */
const REST_MS = 60_000;

export class Claims {
  readonly #o: ClaimerOptions;
  readonly #size = new ClaimSize();
  readonly #odd: OddTasks;
  /** Lanes are sparse; assumed until a claim shows that they have more. */
  #sparse = true;
  #pauseMs = 0;
  #pausedUntil = 0;
  #reliefMs = 0;
  #relievedUntil = 0;
  /** A transaction with ends and a claim was refused: ends go alone, then the claim, to tell whose row it is. */
  #apart: 'no' | 'ends' | 'claim' = 'no';
  /** A claim was refused before any row was seen: one source at a time tells which. */
  #oneByOne = 0;

  constructor(options: ClaimerOptions, widths: () => TextWidths) {
    this.#o = options;
    const { session, names } = options;
    this.#odd = new OddTasks({
      session,
      names,
      width: () => widths().last_error,
      onAside: (one) => options.onAside(one),
    });
  }

  /** The next claim, if one is due. */
  plan(): ClaimPlan {
    if (this.#apart === 'ends') {
      this.#apart = 'claim';
      return NO_CLAIM;
    }
    if (monotonic() < Math.max(this.#pausedUntil, this.#relievedUntil)) return NO_CLAIM;
    const plan = this.#odd.searching ? this.#search() : this.#usual();
    return { ...plan, alone: plan.sources.length > 0 && (this.#odd.searching || this.#apart === 'claim') };
  }

  /** Something may have changed: a pause is over. */
  news(): void {
    this.#pausedUntil = 0;
  }

  /** Milliseconds until a claim is worth another try; infinite when there is nothing to claim, or no room. */
  againMs(): number {
    const left = Math.max(this.#pausedUntil, this.#relievedUntil) - monotonic();
    return left > 0 ? left : Number.POSITIVE_INFINITY;
  }

  /** Passed over by claims of this worker. */
  leaves(taskId: number): boolean {
    return this.#odd.leaves(taskId);
  }

  /** A claim has come back. True = the next one may follow at once. @throws DatabaseError */
  async noted(plan: ClaimPlan, result: FinishAndClaimResult): Promise<boolean> {
    const { catalog } = this.#o;
    this.#apart = 'no';
    this.#size.arrived(plan.limit);
    this.#reliefMs = 0;
    if (this.#oneByOne > 0) this.#oneByOne -= 1;
    this.#sparse = isSparse(plan, result.yields, this.#sparse);
    const doubtful: Array<ClaimSource & { kind: 'lane' }> = [];
    let offset = 0;
    catalog.claimed();
    for (const [n, { count, exhausted: short }] of result.yields.entries()) {
      const source = plan.sources[n]!;
      catalog.noteYield(source, short, result.claimed.slice(offset, offset + count), plan.free);
      if (source.kind === 'lane' && catalog.cursorCheckDue(source, short, monotonic())) doubtful.push(source);
      offset += count;
    }
    if (doubtful.length > 0) await this.#o.poller.checkCursors(doubtful);
    if (result.permission !== 'open') for (const source of plan.sources) catalog.noteYield(source, true, []);
    return this.#progress(plan, result.claimed.length > 0);
  }

  /** A claim failed on its way. */
  failed(plan: ClaimPlan, error: unknown): void {
    if (error instanceof DatabaseError && error.driverCode === 'AFD_DEADLINE') this.#size.tooSlow(plan.limit);
    if (!isOverLimit(error)) return;
    this.#reliefMs = Math.min(LONGEST_RELIEF_MS, Math.max(FIRST_RELIEF_MS, this.#reliefMs * 2));
    this.#relievedUntil = monotonic() + this.#reliefMs * (0.5 + Math.random() / 2);
  }

  /** The server refused a transaction with this claim for the sake of some row. @throws DatabaseError */
  async refused(plan: ClaimPlan, withEnds: boolean, error: Error): Promise<void> {
    if (withEnds) {
      this.#apart = 'ends';
      return;
    }
    this.#apart = 'no';
    if (error instanceof ClaimRefused && error.taskIds.length > 0) return this.#odd.refused(error.taskIds, error);
    if (plan.sources.length > 1) {
      this.#oneByOne = plan.sources.length;
      return;
    }
    this.#o.catalog.rest(plan.sources[0]!, REST_MS);
    const type = this.#o.catalog.typeOf(plan.sources[0]!) ?? 'tasks directed at this device';
    this.#o.onWarning(
      `The database refused to claim ${type}; this worker tries again in ${REST_MS / 1000} s: ${error.message}`,
    );
  }

  #usual(): ClaimPlan {
    const plan = planClaim(this.#o, this.#sparse, (limit) => this.#size.limit(limit));
    if (this.#oneByOne === 0 || plan.sources.length === 0) return plan;
    return { ...plan, countFirst: false, sources: [plan.sources[this.#oneByOne % plan.sources.length]!] };
  }

  #search(): ClaimPlan {
    const free = this.#o.room(0);
    if (free === 0) return NO_CLAIM;
    const source = this.#odd.next(free);
    if (source === undefined) return NO_CLAIM;
    return {
      sources: [source],
      limit: free,
      countFirst: false,
      ticket: false,
      free,
      slots: this.#o.shortSlots(),
      alone: true,
    };
  }

  #progress(plan: ClaimPlan, claimed: boolean): boolean {
    const first = plan.sources[0];
    const moved = claimed || this.#odd.searching || plan.sources.some((one) => this.#o.catalog.cooled(one));
    if (moved || first === undefined) {
      this.#pauseMs = 0;
      this.#pausedUntil = 0;
      return true;
    }
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#pausedUntil = monotonic() + this.#pauseMs;
    return false;
  }
}
