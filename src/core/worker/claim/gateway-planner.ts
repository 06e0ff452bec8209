// When a remote worker asks its gateway for tasks, and for how many of each type. It asks when it was told that there is work:
// by the call that waits for it, or by the last answer; otherwise it is silent.
import { randomBytes } from 'node:crypto';
import type { TypeRoom } from '../../../http/device-contract.ts';
import { ClaimRefused } from '../../db/claim/finish-and-claim.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { isOverLimit } from '../../db/server/statement-limit.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import type { GatewayClaim, GatewayResult } from '../port/gateway-work.ts';
import { ClaimPause } from './claim-pause.ts';
import { ClaimSize } from './claim-size.ts';
import type { Planner, Polls } from './claimer-options.ts';
import type { Slots } from './slots.ts';
import { SHORT_MS, type TaskTimings } from './task-timings.ts';
import type { TypeRooms } from './type-rooms.ts';

/** Of one claim. */
const MOST_ASKED = 2000;
const LEAST_PREFETCH = 2;
/** What a gateway knows of due tasks may be as old as this. */
const KNOWN_MS = 1000;
/** A claim was refused, and no end is the cause: how long nothing is asked. */
const REST_MS = 60_000;

export interface GatewayPlannerOptions {
  events: Events;
  slots: Slots;
  rooms: TypeRooms;
  timings: Pick<TaskTimings, 'isShort'>;
  board: { readonly generation: number };
  /** Types with the timeout of their handlers, in seconds; undefined = the fleet's. */
  types: ReadonlyMap<string, number | undefined>;
  /** Tasks of any type that are taken beyond the slots. */
  prefetch: number;
  /** False = results could not be kept: nothing is taken ahead for a time without a gateway. */
  canKeep(): boolean;
  /** False = nothing is claimed now. */
  mayClaim(): boolean;
}

export class GatewayPlanner implements Planner<GatewayClaim, GatewayResult>, Polls {
  readonly #o: GatewayPlannerOptions;
  readonly #size = new ClaimSize();
  readonly #pause = new ClaimPause();
  /** Something is due, as far as is known. Asked at the start: nothing is known then. */
  #due = true;
  #apart: 'no' | 'ends' | 'claim' = 'no';
  #restsUntil = Number.NEGATIVE_INFINITY;
  #prefetched = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  generation: number;
  /** Of the last claim that brought nothing. */
  polledAt = Number.NEGATIVE_INFINITY;

  constructor(options: GatewayPlannerOptions) {
    this.#o = options;
    this.generation = options.board.generation;
  }

  /** A gateway says that there is work. */
  due(): void {
    this.#due = true;
  }

  /** What the waiting call may say: with slots here the gateway answers it when there is work, unless work is known of already. */
  get waiting(): { free: number; without: string[] } {
    const free = this.#due ? 0 : this.#room(0);
    return { free, without: free === 0 ? [] : this.#o.rooms.full().slice() };
  }

  get free(): number {
    return this.#room(0);
  }

  get againMs(): number {
    const left = Math.max(this.#pause.leftMs, this.#restsUntil - monotonic());
    return left > 0 && this.#due ? left : Number.POSITIVE_INFINITY;
  }

  get hasPrefetched(): boolean {
    return this.#prefetched >= LEAST_PREFETCH && 2 * this.#o.slots.room(this.#prefetched) <= this.#prefetched;
  }

  news(): void {
    this.#pause.news();
  }

  next(): GatewayClaim | undefined {
    if (this.#apart === 'ends') {
      this.#apart = 'claim';
      return undefined;
    }
    if (!this.#due || this.againMs !== Number.POSITIVE_INFINITY) return undefined;
    const free = this.#room(0);
    const types = this.#types(free);
    const later = Math.max(0, ...Object.values(types).map((one) => one.later));
    this.#prefetched = later;
    const limit = Math.min(MOST_ASKED, this.#size.limit(this.#room(later)));
    if (limit <= 0 || !Object.values(types).some((one) => one.now + one.later > 0)) return undefined;
    this.#due = false;
    this.#askedAt = monotonic();
    return { claim_token: randomBytes(16), limit, free, types, alone: this.#apart === 'claim' };
  }

  async learn(claim: GatewayClaim, { claimed, more, permission }: GatewayResult): Promise<boolean> {
    this.#apart = 'no';
    this.#size.arrived(claim.limit);
    this.#pause.relieved();
    // The call that waits says when this device may claim again.
    const open = permission === 'open';
    if (open && more) this.#due = true;
    if (claimed.length > 0) this.#pause.end();
    else if (this.#due) this.#pause.pause();
    else this.polledAt = this.#askedAt - KNOWN_MS;
    return claimed.length > 0 && more;
  }

  failed(claim: GatewayClaim, error: unknown): void {
    this.#due = true;
    if (error instanceof DatabaseError && error.driverCode === 'AFD_DEADLINE') this.#size.tooSlow(claim.limit);
    if (isOverLimit(error)) this.#pause.relieve();
  }

  async refused(_claim: GatewayClaim, error: Error, withEnds: boolean): Promise<void> {
    this.#due = true;
    if (withEnds) {
      this.#apart = 'ends';
      return;
    }
    this.#apart = 'no';
    // A gateway puts aside the task for whose sake a claim is refused, or claims the others of it with the next one.
    if (error instanceof ClaimRefused) return this.#pause.pause();
    this.#restsUntil = monotonic() + REST_MS;
    const message = `The gateway refused a claim; this worker asks again in ${REST_MS / 1000} s: ${error.message}`;
    this.#o.events.emit('warning', { message });
  }

  nextPollMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  async poll(): Promise<void> {}

  hit(): void {}

  /** Asks again, a little later: what was inserted must be known to the gateway first. */
  discoverNow(): void {
    this.#due = true;
    this.#pause.pause();
  }

  #room(prefetch: number): number {
    this.generation = this.#o.board.generation;
    return this.#o.mayClaim() ? this.#o.slots.room(prefetch) : 0;
  }

  #types(free: number): Record<string, TypeRoom> {
    const { slots, rooms, timings, types, prefetch: most, canKeep } = this.#o;
    const prefetch = most > 0 && canKeep() ? most : 0;
    const short = slots.slotsYounger(SHORT_MS);
    const room = rooms.forClaim({ free, short });
    const found: Record<string, TypeRoom> = {};
    for (const [type, timeout] of types) {
      const place = slots.places.get(type);
      const now = Math.max(0, Math.min(free, place?.free ?? free));
      const soon = Math.min(rooms.prefetchLimit(type, short), room.mostFrom(type) - now);
      const later = Math.max(0, soon, prefetch - (place?.waiting ?? 0));
      found[type] = { now, later, defer: timings.isShort(type), ...(timeout === undefined ? {} : { timeout }) };
    }
    return found;
  }
}
