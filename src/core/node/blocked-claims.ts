import type { DeferredClaimRef } from '../db/attempts/deferred-claims.ts';
import { materializeForWorker } from '../db/attempts/end-deferred-claims.ts';
import { lockAttempt } from '../db/attempts/lock-attempt.ts';
import { markBegun } from '../db/attempts/mark-begun.ts';
import type { AttemptRef } from '../db/attempts/orphaned-assignments.ts';
import { ownAttempts, ownDeferredClaims } from '../db/attempts/own-claims.ts';
import { releaseDeferredClaims } from '../db/attempts/release-deferred-claims.ts';
import { rescueAssignment } from '../db/attempts/rescue-assignment.ts';
import { isConnectionLost } from '../db/database-error.ts';
import { cutIdleSession } from '../db/server/cut-session.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { transaction } from '../db/transaction.ts';
import { endBlocked } from '../domain/attempt/lost.ts';
import type { Identity } from './device-identity.ts';
import type { WorkSession } from './liveness-messages.ts';
import type { Begun, PulseBoard } from './pulse-board.ts';

/** What was done by one check of the claims of this process. */
export interface Freed {
  /** Attempts released: they had not begun, or could not end in time. */
  released: number;
  /** Deferred claims whose handlers have begun: their attempts have rows now, so that others see them. */
  materialized: number;
}

/** What frees the claims of a process whose main thread is blocked. */
export interface HeldHostage {
  /** The main thread's work session; undefined = not known, or there is none. */
  work: WorkSession | undefined;
  /** One check. `goOn` is asked between two steps. @throws DatabaseError */
  free(owner: Pick<Identity, 'deviceId' | 'instanceToken'>, now: number, goOn: () => boolean): Promise<Freed>;
}

const CHUNK = 500;

/**
 * How the liveness thread deals with the claims of a process whose main thread is blocked: it releases at once what has
 * not begun, materializes what has begun, and releases an innocent neighbour of the blocker at its own timeout, since
 * that could not end in time. The board is closed, so nothing begins meanwhile.
 */
export class BlockedClaims implements HeldHostage {
  readonly #session: Session;
  readonly #names: TableNames;
  readonly #board: PulseBoard;
  /** By server and number: two servers count theirs alike. */
  readonly #cut = new Set<string>();
  /** The main thread's work session; undefined = not known. */
  work: WorkSession | undefined;

  constructor(session: Session, names: TableNames, board: PulseBoard) {
    this.#session = session;
    this.#names = names;
    this.#board = board;
  }

  /**
   * One check. `goOn` is asked between two transactions. Row locks of an unfinished transaction of the main thread are
   * freed first. @throws DatabaseError
   */
  async free(owner: Pick<Identity, 'deviceId' | 'instanceToken'>, now: number, goOn: () => boolean): Promise<Freed> {
    const freed = { released: 0, materialized: 0 };
    await this.#cutWork();
    const begun = this.#board.begun();
    if (begun === undefined) return freed;
    const byTask = new Map(begun.map((one) => [one.task_id, one]));
    const own = [owner.deviceId, owner.instanceToken] as const;
    const deferred = await ownDeferredClaims(this.#session, this.#names, ...own);
    for (const refs of chunks(deferred.filter((one) => !byTask.has(one.task_id)))) {
      if (!goOn()) return freed;
      freed.released += await this.#releaseDeferred(refs);
    }
    for (const refs of chunks(deferred.filter((one) => byTask.has(one.task_id)))) {
      if (!goOn()) return freed;
      freed.materialized += await this.#materialize(refs);
    }
    const blocker = this.#board.current?.task_id;
    for (const ref of await ownAttempts(this.#session, this.#names, ...own)) {
      const one = byTask.get(ref.task_id);
      const hostage = this.#isHostage(one, blocker, now);
      // Past its deadline it has run out of time, and is not one that never began.
      const unsaid = one !== undefined && ref.status === 'assigned';
      if (!hostage && !unsaid) continue;
      if (!goOn()) return freed;
      if (hostage) freed.released += await this.#release(ref);
      else await markBegun(this.#session, this.#names, ref, Math.max(0, now - (one?.since ?? now)));
    }
    return freed;
  }

  /** Where the blocker is not known, each that has begun may be it: those are left to their deadlines. */
  #isHostage(one: Begun | undefined, blocker: number | undefined, now: number): boolean {
    if (one === undefined) return true;
    return !one.ended && blocker !== undefined && one.task_id !== blocker && now > one.until;
  }

  async #cutWork(): Promise<void> {
    const { work } = this;
    // Behind a proxy the number may belong to a connection to another server.
    if (work === undefined || work.serverName !== this.#session.facts.serverName) return;
    const one = `${work.serverName} ${work.connectionId}`;
    if (this.#cut.has(one)) return;
    if (await cutIdleSession(this.#session, work.connectionId)) this.#cut.add(one);
  }

  #releaseDeferred(refs: DeferredClaimRef[]): Promise<number> {
    return transaction(this.#session, () => releaseDeferredClaims(this.#session, this.#names, refs, 'blocked'));
  }

  #materialize(refs: DeferredClaimRef[]): Promise<number> {
    return transaction(this.#session, () => materializeForWorker(this.#session, this.#names, refs));
  }

  #release(ref: AttemptRef): Promise<number> {
    return transaction(this.#session, async () => {
      const locked = await lockAttempt(this.#session, this.#names, ref);
      if (locked === undefined) return 0;
      await rescueAssignment(this.#session, this.#names, locked, endBlocked(locked.attempt, locked.task));
      return 1;
    });
  }
}

/** One check that fails must not end the thread, unless its connection is gone. Returns what to say about it. */
export function failedCheck(error: unknown): string {
  if (isConnectionLost(error)) throw error;
  return `The tasks held by the blocked main thread were not released; trying again: ${(error as Error).message}`;
}

function* chunks<T>(list: T[]): Generator<T[]> {
  for (let at = 0; at < list.length; at += CHUNK) yield list.slice(at, at + CHUNK);
}
