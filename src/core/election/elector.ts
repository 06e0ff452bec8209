// follower ↔ leader. The written state machine, with the reasons for each rule: docs/explain/leader-election.md.

import type { DatabaseError } from '../db/database-error.ts';
import { electLeader } from '../db/leader/elect-leader.ts';
import { type LeaseRow, readLease } from '../db/leader/read-lease.ts';
import { renewLeader } from '../db/leader/renew-leader.ts';
import { resignLeader } from '../db/leader/resign-leader.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { assertLeaseTimes } from './lease-times.ts';
import { type FoundDead, signsOfLife } from './lock-watch.ts';
import { refusedRight } from './refused-lease.ts';

export interface ElectorOptions {
  deviceId: string;
  /** Of this instance of the device: two processes under one id are two contenders. */
  instanceToken: Buffer;
  names: TableNames;
  /** Seconds: lease > trust > renew interval. */
  leaseDurationS: number;
  leaseTrustS: number;
  leaseRenewIntervalS: number;
  /** Seconds that a holder's session lock must be seen free before its lease is taken. */
  lockGraceS: number;
  /** Seconds after a server start during which locks say nothing. */
  lockTrustAfterStartS: number;
  /** False: never acquires. */
  contend: boolean;
  /** Milliseconds of a monotonic clock. */
  monotonic?: () => number;
  /** `found`: whom the lease was taken from because its lock stayed free. */
  onGained: (term: number, found?: FoundDead) => void;
  onLost: (term: number, reason: LostReason) => void;
  /** The account may not take the lease, and it follows from now on; absent = that is an error. */
  onRefused?: ((error: DatabaseError) => void) | undefined;
}

/**
 * `replaced`: the row says so · `trust`: no renewal was confirmed in time · `resigned` · `silent`: the main thread, which
 * has the duties, is blocked · `stopped`: the elector was closed.
 */
export type LostReason = 'replaced' | 'trust' | 'resigned' | 'silent' | 'stopped';

/** What a holder showed when its lock was first seen free. */
interface Suspicion {
  connection: string;
  since: number;
  seen: string;
}

export class Elector {
  readonly #o: ElectorOptions;
  readonly #now: () => number;
  #term: number | undefined;
  #trustedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #suspicion: Suspicion | undefined;
  #standBackUntil = 0;
  #refused = false;
  #stepping: Promise<number> | undefined;

  /** @throws AfdError E_CONFIG when the times are not in order */
  constructor(options: ElectorOptions) {
    assertLeaseTimes(options);
    this.#o = options;
    this.#now = options.monotonic ?? monotonic;
  }

  /** The term that this instance leads, undefined while it follows. */
  get term(): number | undefined {
    return this.#term;
  }

  /** Monotonic milliseconds up to which the lease is trusted; 0 while following. */
  get trustedUntil(): number {
    return this.#term === undefined ? 0 : this.#trustedUntil;
  }

  /** Leads, and may act on it at this moment of the monotonic clock. */
  isLeader(now = this.#now()): boolean {
    return this.#term !== undefined && now < this.#trustedUntil;
  }

  /**
   * One move: a leader renews, a follower acquires if it may. Returns the milliseconds after which it should be called
   * again, at most the renew interval. Calls that overlap are one. `seen`: the leader row, read a moment ago, so that a
   * follower need not read it. @throws DatabaseError: the state is as before, until trust ends.
   */
  step(session: Session, seen?: LeaseRow): Promise<number> {
    this.#stepping ??= this.#step(session, seen).finally(() => {
      this.#stepping = undefined;
    });
    return this.#stepping;
  }

  /**
   * Gives the lease back, and stands back for one lease so that another takes it; not when it is `silent`, which ends by
   * itself. Leadership is over at once, whatever the database says. @throws DatabaseError
   */
  async resign(session: Session, reason: 'resigned' | 'silent' = 'resigned'): Promise<void> {
    if (reason === 'resigned') this.#standBack();
    const term = this.#term;
    if (term === undefined) return;
    this.#lose(reason);
    await resignLeader(session, this.#o.names, { device_id: this.#o.deviceId, term });
  }

  /** Ends the timer; a leadership that was not resigned ends here too. */
  async close(): Promise<void> {
    this.#lose('stopped');
    // The caller of `step` gets its error.
    await this.#stepping?.catch(() => {});
    this.#lose('stopped');
  }

  /** Ends a leadership whose trust is over. The timer calls it; so does each step. */
  checkTrust(): void {
    if (this.#term !== undefined && this.#now() >= this.#trustedUntil) this.#lose('trust');
  }

  async #step(session: Session, seen: LeaseRow | undefined): Promise<number> {
    const { names, deviceId, instanceToken, leaseDurationS } = this.#o;
    this.checkTrust();
    const term = this.#term;
    if (term !== undefined) {
      const start = this.#now();
      const held = { device_id: deviceId, instance_token: instanceToken, term };
      const renewed = await renewLeader(session, names, held, leaseDurationS);
      // Trust may have ended while the answer was on its way: that term is over, however good the answer.
      if (this.#term === term) {
        if (renewed) {
          this.#trust(start);
          return this.#interval;
        }
        this.#lose('replaced');
      }
      return this.#follow(session, renewed ? undefined : term, undefined);
    }
    return this.#follow(session, undefined, seen);
  }

  /** `lostTerm`: the term whose renewal has just found no row. */
  async #follow(session: Session, lostTerm: number | undefined, seen: LeaseRow | undefined): Promise<number> {
    const { names, deviceId, instanceToken, leaseDurationS, contend, lockTrustAfterStartS } = this.#o;
    if (!contend || this.#refused) return this.#interval;
    const row = seen ?? (await readLease(session, names, lockTrustAfterStartS));
    if (row === undefined) {
      throw new AfdError('E_SCHEMA', `The table ${names.leader} has no row named "leader".`, {
        suggestions: ['afd migrate up'],
      });
    }
    // The term that was mine has no holder: an operator made me resign, and wants another leader.
    if (lostTerm !== undefined && row.holder === null && row.term === lostTerm) this.#standBack();
    const wait = this.#standBackUntil - this.#now();
    if (wait > 0) return Math.min(wait, this.#interval);
    const free = row.holder === null || row.valid === 0 || row.holder.toLowerCase() === deviceId.toLowerCase();
    if (!free) {
      const pause = this.#suspect(row, session);
      if (pause > 0) return pause;
    }
    const start = this.#now();
    const dead = free ? undefined : row;
    const candidacy = { device_id: deviceId, instance_token: instanceToken, lease_s: leaseDurationS, dead };
    const found = dead?.holder && this.#suspicion ? { device_id: dead.holder, signs: signsOfLife(dead) } : undefined;
    const won = await electLeader(session, names, candidacy).catch((error: unknown) => this.#refuse(error));
    this.#suspicion = undefined;
    if (won === undefined) return this.#interval;
    if (this.#now() >= start + this.#o.leaseTrustS * 1000) return 0;
    this.#term = won;
    this.#trust(start);
    this.#o.onGained(won, found);
    return this.#interval;
  }

  /** Milliseconds until the holder should be checked again; 0 = dead. */
  #suspect(row: LeaseRow, session: Session): number {
    if (row.device_status === 'offline') return 0;
    const now = this.#now();
    const { connection } = session.facts;
    const lease = [row.holder, row.holder_token?.toString('hex'), row.term, row.renewed_at];
    const seen = [...lease, signsOfLife(row)].join('|');
    const grace = this.#o.lockGraceS * 1000;
    if (row.lock_free !== 1) {
      this.#suspicion = undefined;
      return this.#interval;
    }
    if (this.#suspicion?.seen !== seen || this.#suspicion.connection !== connection) {
      this.#suspicion = { connection, since: now, seen };
    }
    const left = this.#suspicion.since + grace - now;
    if (this.#suspicion.since === now) return Math.min(Math.max(left, 1), this.#interval);
    return left <= 0 ? 0 : Math.min(left, this.#interval);
  }

  #refuse(error: unknown): undefined {
    if (this.#o.onRefused === undefined) throw error;
    this.#o.onRefused(refusedRight(error));
    this.#refused = true;
  }

  #trust(start: number): void {
    this.#trustedUntil = start + this.#o.leaseTrustS * 1000;
    this.#watchTrust();
  }

  /** A timer counts from the begin of its turn of the event loop, so on a busy thread it fires before its time. */
  #watchTrust(): void {
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#trustedUntil - this.#now());
    this.#timer = setTimeout(() => {
      this.checkTrust();
      if (this.#term !== undefined) this.#watchTrust();
    }, left + 1);
    this.#timer.unref();
  }

  #lose(reason: LostReason): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    this.#trustedUntil = 0;
    this.#suspicion = undefined;
    clearTimeout(this.#timer);
    this.#o.onLost(term, reason);
  }

  #standBack(): void {
    this.#standBackUntil = this.#now() + this.#o.leaseDurationS * 1000;
  }

  get #interval(): number {
    return this.#o.leaseRenewIntervalS * 1000;
  }
}
