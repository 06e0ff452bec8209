// Ends open attempts in their holder's place. Every attempt by a fenced transaction of its own that reads it again
// under locks, so each of these may be repeated, interrupted or done by two leaders at once.
import { foreignAssignments } from '../../db/attempts/foreign-assignments.ts';
import { type LockedAttempt, lockAttempt } from '../../db/attempts/lock-attempt.ts';
import { type AttemptRef, orphanedAssignments, type Page } from '../../db/attempts/orphaned-assignments.ts';
import { overdueAssignments } from '../../db/attempts/overdue-assignments.ts';
import { rescueAssignment } from '../../db/attempts/rescue-assignment.ts';
import { revokedAssignments } from '../../db/attempts/revoked-assignments.ts';
import { readTextWidths, type TextWidths } from '../../db/claim/text-widths.ts';
import type { Session } from '../../db/session.ts';
import {
  type AttemptEnd,
  bareEnd,
  type EndPolicy,
  endForeign,
  endLost,
  endOverdue,
  endRevoked,
  fittedEnd,
} from '../../domain/attempt/lost.ts';
import type { DutySession } from '../duty/duty-session.ts';
import type { Failures } from '../duty/failures.ts';
import { Deaths } from './deaths.ts';
import { countEnd, noRescues, type RescueCounts } from './rescue-counts.ts';
import { StrayClaimRescuer } from './stray-claims.ts';

/** Lists of open attempts, each walked by assignment id. */
export type Kind = 'orphaned' | 'revoked' | 'overdue' | 'foreign';

export interface RescuerOptions {
  duty: DutySession;
  policy: EndPolicy;
  /** Seconds that a holder has to end a revoked attempt. */
  revokeTimeoutS: number;
  /** Attempts per kind and round. */
  limit?: number;
  random?: () => number;
}

const LIMIT = 500;

export class Rescuer {
  readonly #o: RescuerOptions;
  /** Where the next page of each list begins: rows that cannot be ended now must not keep the others waiting. */
  readonly #after: Record<Kind, number> = { orphaned: 0, overdue: 0, revoked: 0, foreign: 0 };
  readonly #deaths = new Deaths();
  readonly #strayClaims: StrayClaimRescuer;
  #widths: TextWidths | undefined;

  constructor(options: RescuerOptions) {
    this.#o = options;
    const { duty, limit = LIMIT } = options;
    this.#strayClaims = new StrayClaimRescuer({ duty, deaths: this.#deaths, widths: () => this.#readWidths(), limit });
  }

  /** Before its row says so: rounds at the same time may come upon its attempts at once. True = `takenFrom` takes it back. */
  declaringDead(deviceId: string): boolean {
    return this.#deaths.declare(deviceId);
  }

  /** So that its attempts get a death as their cause, and not merely that the device is offline. Counted by `takenFrom`. */
  declaredDead(deviceId: string): void {
    this.#deaths.declare(deviceId);
    this.#strayClaims.declaredDead(deviceId);
  }

  /** Attempts taken from a device since it was declared dead; forgets them. */
  takenFrom(deviceId: string): number {
    return this.#deaths.takenFrom(deviceId);
  }

  /**
   * Ends the deferred claims of devices that are offline, removed or superseded, and materializes those that a living
   * worker should have materialized long ago, so that the lists below find them. What fails is noted. @throws
   * NotLeader, DatabaseError
   */
  async strayClaims(failures: Failures): Promise<RescueCounts> {
    const counts = noRescues();
    await this.#strayClaims.run(counts, failures);
    return counts;
  }

  /** What a dead device claimed and another program has changed since. @throws as above */
  async left(deviceId: string, failures: Failures): Promise<RescueCounts> {
    const counts = noRescues();
    await this.#strayClaims.left(deviceId, counts, failures);
    return counts;
  }

  /**
   * Attempts of devices that are offline, removed or superseded. `anew`: from the beginning of the list, since a device was
   * declared dead. @throws as above
   */
  orphaned(failures: Failures, anew = false): Promise<RescueCounts> {
    const { policy } = this.#o;
    const decide = (locked: LockedAttempt) => {
      const cause = this.#deaths.causeOfLoss(locked.device, locked.attempt);
      return cause === undefined ? undefined : endLost(locked.attempt, locked.task, cause, policy);
    };
    // Also what another round has begun: otherwise the death would be told before that attempt is counted.
    if (anew) this.#after.orphaned = 0;
    return this.#round('orphaned', failures, orphanedAssignments, decide);
  }

  overdue(failures: Failures): Promise<RescueCounts> {
    const { policy, random = Math.random } = this.#o;
    return this.#round('overdue', failures, overdueAssignments, (locked) =>
      locked.overdue === 1 ? endOverdue(locked.attempt, locked.task, policy, random) : undefined,
    );
  }

  revoked(failures: Failures): Promise<RescueCounts> {
    const { revokeTimeoutS } = this.#o;
    return this.#round(
      'revoked',
      failures,
      (session, names, page) => revokedAssignments(session, names, revokeTimeoutS, page),
      ({ attempt, task }) => (attempt.revoked_at === null ? undefined : endRevoked(attempt, task)),
    );
  }

  foreign(failures: Failures): Promise<RescueCounts> {
    return this.#round('foreign', failures, foreignAssignments, ({ attempt, task }) =>
      task === undefined ? endForeign(attempt) : undefined,
    );
  }

  async #round(
    kind: Kind,
    failures: Failures,
    list: (session: Session, names: DutySession['names'], page: Page) => Promise<AttemptRef[]>,
    decide: (locked: LockedAttempt) => AttemptEnd | undefined,
  ): Promise<RescueCounts> {
    const { duty, limit = LIMIT } = this.#o;
    const counts = noRescues();
    failures.another();
    const refs = await duty.run((session) => list(session, duty.names, { after: this.#after[kind], limit }));
    for (const ref of refs) {
      // Before it is tried: where this one ends the connection, the next round goes on behind it.
      this.#after[kind] = ref.id;
      const end = await failures.part(`attempt ${ref.id} of task ${ref.task_id} (${kind})`, () =>
        this.#end(ref, decide),
      );
      if (failures.enough) return counts;
      if (end === undefined) continue;
      countEnd(counts, end);
      this.#deaths.note(ref.device_id, 1);
    }
    if (refs.length < limit) this.#after[kind] = 0;
    return counts;
  }

  async #end(ref: AttemptRef, decide: (locked: LockedAttempt) => AttemptEnd | undefined) {
    const { duty } = this.#o;
    const widths = await this.#readWidths();
    const write = (spelled: (end: AttemptEnd) => AttemptEnd) =>
      duty.fenced(async (session) => {
        const locked = await lockAttempt(session, duty.names, ref);
        const decided = locked === undefined ? undefined : decide(locked);
        if (locked !== undefined && decided !== undefined) {
          await rescueAssignment(session, duty.names, locked, spelled(decided));
        }
        return decided;
      });
    try {
      return await write((end) => fittedEnd(end, widths));
    } catch (error) {
      if (!duty.refused(error)) throw error;
      return write(bareEnd);
    }
  }

  /** Once per term: they change by DDL alone. */
  async #readWidths(): Promise<TextWidths> {
    const { duty } = this.#o;
    this.#widths ??= await duty.run((session) => readTextWidths(session, duty.names));
    return this.#widths;
  }
}
