// What a worker asks for next: where there seems to be work, and as much as it can begin now or prefetch, in view of how its
// last claims went: fewer rows on a slow connection, a pause after claims that brought nothing, one group of tasks after
// another where the server refuses a row.
import { randomBytes } from 'node:crypto';
import type { ClaimSource } from '../../db/claim/claim-source.ts';
import { ClaimRefused, type FinishAndClaimResult } from '../../db/claim/finish-and-claim.ts';
import type { ClaimRequest } from '../../db/claim/take-tasks.ts';
import type { TextWidths } from '../../db/claim/text-widths.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { isOverLimit } from '../../db/server/statement-limit.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import { ClaimPause } from './claim-pause.ts';
import { COUNTED_SOURCES, claimShape, isSparse } from './claim-shape.ts';
import { ClaimSize } from './claim-size.ts';
import type { Planner } from './claimer-options.ts';
import type { LaneCatalog } from './lane-catalog.ts';
import { OddTasks } from './odd-tasks.ts';
import type { Poller } from './poller.ts';
import type { Slots } from './slots.ts';
import { SHORT_MS } from './task-timings.ts';
import type { ClaimRooms, FullTypes, TypeRooms } from './type-rooms.ts';

/** Of less than this, one claim more takes away what keeps the slots busy. */
const LEAST_PREFETCH = 2;
/** How long a lane is left alone whose claims fail although no row is the cause. */
const REST_MS = 60_000;

export interface ClaimPlannerOptions {
  session: Session;
  names: TableNames;
  events: Events;
  catalog: LaneCatalog;
  poller: Poller;
  slots: Slots;
  rooms: TypeRooms;
  /** Whether anything may begin, and since when: its generation changes when the main thread was blocked. */
  board: { readonly generation: number };
  /** Seconds from an attempt's timeout to the leader's backstop. The configuration's own object: the fleet may change it. */
  master: { readonly deadline_slack: number };
  /** False = nothing is claimed now. */
  mayClaim(): boolean;
  /** What the text columns can hold. */
  widths(): TextWidths;
  /** How much of that room the claim may fill: no more than a ring asked for. Called once per claim. */
  limit(room: number): number;
}

export class ClaimPlanner implements Planner<ClaimRequest, FinishAndClaimResult> {
  readonly #o: ClaimPlannerOptions;
  readonly #size = new ClaimSize();
  readonly #pause = new ClaimPause();
  readonly #odd: OddTasks;
  /** One lane alone would not fill a claim, so the tasks of several are counted; assumed until a claim shows otherwise. */
  #sparse = true;
  /** A transaction with ends and a claim was refused: ends go alone, then the claim, to tell whose row it is. */
  #apart: 'no' | 'ends' | 'claim' = 'no';
  /** Prefetch limit of the last claim that was planned. */
  #prefetch = 0;
  /** Types in which nothing could begin when the last claim was planned. */
  #full: FullTypes = [];
  /** A claim was refused before any row was seen: one source at a time tells which. */
  #oneByOne = 0;
  /** Of the board, when a claim was last planned; claims are planned one at a time. */
  generation: number;

  constructor(options: ClaimPlannerOptions) {
    this.#o = options;
    this.generation = options.board.generation;
    this.#odd = new OddTasks(options);
  }

  /** Slots in which a task can begin now, if this worker may claim. */
  get free(): number {
    return this.#room(0);
  }

  /** Milliseconds until a claim is worth another try; infinite when there is nothing to claim, or no room. */
  get againMs(): number {
    const left = this.#pause.leftMs;
    return left > 0 ? left : Number.POSITIVE_INFINITY;
  }

  /** At least half of what may be prefetched is: no slot waits for the next claim. */
  get hasPrefetched(): boolean {
    return this.#prefetch >= LEAST_PREFETCH && 2 * this.#o.slots.room(this.#prefetch) <= this.#prefetch;
  }

  /** Something may have changed: a pause is over. */
  news(): void {
    this.#pause.news();
  }

  /** The next claim, if one is due. */
  next(): ClaimRequest | undefined {
    if (this.#apart === 'ends') {
      this.#apart = 'claim';
      return undefined;
    }
    // A tick or a ring may come first, and name a lane while better ones are unknown. With a free slot the poll follows at once.
    if (!this.#o.poller.hasPolled) return undefined;
    if (this.#pause.leftMs > 0) return undefined;
    return this.#odd.searching ? this.#search() : this.#usual();
  }

  /** A claim has come back. True = the next one may follow at once. @throws DatabaseError */
  async learn(request: ClaimRequest, { perSource, claimed, permission }: FinishAndClaimResult): Promise<boolean> {
    const { catalog, poller } = this.#o;
    this.#apart = 'no';
    this.#size.arrived(request.limit);
    this.#pause.relieved();
    if (this.#oneByOne > 0) this.#oneByOne -= 1;
    this.#sparse = isSparse(request, perSource, this.#sparse);
    const doubtful: Array<ClaimSource & { kind: 'lane' }> = [];
    let offset = 0;
    const { free } = request;
    catalog.claimed();
    for (const [n, { count, exhausted }] of perSource.entries()) {
      const source = request.sources[n]!;
      catalog.noteYield(source, exhausted, claimed.slice(offset, offset + count), { free, full: this.#full });
      if (source.kind === 'lane' && catalog.cursorOf(source)?.checkDue(exhausted, monotonic()) === true)
        doubtful.push(source);
      offset += count;
    }
    if (doubtful.length > 0) await poller.checkCursors(doubtful);
    if (permission !== 'open') for (const source of request.sources) catalog.noteYield(source, true, []);
    const moved = claimed.length > 0 || this.#odd.searching || request.sources.some((one) => catalog.cooled(one));
    if (moved) this.#pause.end();
    else this.#pause.pause();
    return moved;
  }

  /** A claim failed on its way. */
  failed(request: ClaimRequest, error: unknown): void {
    if (error instanceof DatabaseError && error.driverCode === 'AFD_DEADLINE') this.#size.tooSlow(request.limit);
    if (isOverLimit(error)) this.#pause.relieve();
  }

  /**
   * The server refused a transaction with this claim for the sake of some row. @throws DatabaseError
   */
  async refused({ sources }: ClaimRequest, error: Error, withEnds: boolean): Promise<void> {
    if (withEnds) {
      this.#apart = 'ends';
      return;
    }
    this.#apart = 'no';
    if (error instanceof ClaimRefused && error.taskIds.length > 0)
      return this.#odd.refused(error.taskIds, error, this.#o.widths().last_error);
    if (sources.length > 1) {
      this.#oneByOne = sources.length;
      return;
    }
    const { catalog, events } = this.#o;
    catalog.rest(sources[0]!, REST_MS);
    const type = catalog.typeOf(sources[0]!) ?? 'tasks directed at this device';
    const message = `The database refused to claim ${type}; this worker tries again in ${REST_MS / 1000} s: ${error.message}`;
    events.emit('warning', { message });
  }

  #room(prefetch: number): number {
    this.generation = this.#o.board.generation;
    return this.#o.mayClaim() ? this.#o.slots.room(prefetch) : 0;
  }

  /** For the free slots, and of short tasks up to the prefetch limit beyond them. */
  #usual(): ClaimRequest | undefined {
    const { catalog, slots, rooms } = this.#o;
    const free = this.#room(0);
    this.#full = rooms.full();
    const sources = catalog.sources(COUNTED_SOURCES, { free, full: this.#full });
    const first = sources[0];
    if (first === undefined) return undefined;
    const short = slots.slotsYounger(SHORT_MS);
    const prefetch = Math.max(0, ...sources.map((one) => rooms.prefetchLimit(catalog.typeOf(one) ?? '', short)));
    this.#prefetch = prefetch;
    const limit = this.#size.limit(this.#o.limit(this.#room(prefetch)));
    if (limit <= 0) return undefined;
    const room = rooms.forClaim({ free, short });
    const mostFromFirst = room.mostFrom(catalog.typeOf(first));
    const shape = claimShape(sources, { limit, sparse: this.#sparse, mostFromFirst });
    const { sources: placed, ticket, countFirst } = shape;
    const one = this.#oneByOne === 0 ? undefined : placed[this.#oneByOne % placed.length]!;
    const alone = this.#apart === 'claim';
    if (one !== undefined) return this.#request([one], { limit, free, short, ticket, alone, countFirst: false }, room);
    return this.#request(placed, { limit, free, short, ticket, alone, countFirst }, room);
  }

  /** Some of the tasks of which one is refused. */
  #search(): ClaimRequest | undefined {
    const free = this.#room(0);
    const source = free === 0 ? undefined : this.#odd.next(free);
    if (source === undefined) return undefined;
    const short = this.#o.slots.slotsYounger(SHORT_MS);
    const room = this.#o.rooms.forClaim({ free, short });
    return this.#request([source], { limit: free, free, short, ticket: false, alone: true, countFirst: false }, room);
  }

  #request(
    sources: ClaimSource[],
    how: Pick<ClaimRequest, 'limit' | 'free' | 'short' | 'ticket' | 'alone' | 'countFirst'>,
    room: ClaimRooms,
  ): ClaimRequest {
    const { catalog, slots, master } = this.#o;
    return {
      ...how,
      claim_token: randomBytes(16),
      sources,
      leaseOf: (task) => slots.timeoutOf(task) + master.deadline_slack,
      mostFrom: (source) => room.mostFrom(catalog.typeOf(source)),
      // All tasks of a lane require the same: a device is eligible for a whole lane or not at all.
      admit: (task, { kind }, index) =>
        (kind === 'lane' || catalog.accepts(task)) && !this.#odd.leaves(task.id)
          ? room.admit(task, kind, index)
          : 'skip',
    };
  }
}
