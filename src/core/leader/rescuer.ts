// Ends open attempts in their holder's place. Every attempt by a fenced transaction of its own that looks again under
// locks, so each of these may be repeated, interrupted or done by two leaders at once.
import { isConnectionLost } from '../db/database-error.ts';
import { NotLeader } from '../db/queries/assert-leader.ts';
import { endLightClaims, recordForWorker } from '../db/queries/end-light-claims.ts';
import { foreignAssignments } from '../db/queries/foreign-assignments.ts';
import { type LightClaimRef, strayLightClaims } from '../db/queries/light-claims.ts';
import { type LockedAttempt, lockAttempt } from '../db/queries/lock-attempt.ts';
import { type AttemptRef, orphanedAssignments, type Page } from '../db/queries/orphaned-assignments.ts';
import { overdueAssignments } from '../db/queries/overdue-assignments.ts';
import { rescueAssignment } from '../db/queries/rescue-assignment.ts';
import { revokedAssignments } from '../db/queries/revoked-assignments.ts';
import type { Session } from '../db/session.ts';
import {
  type AttemptEnd,
  type EndPolicy,
  endForeign,
  endLost,
  endOverdue,
  endRevoked,
  type LostCause,
} from '../domain/lost.ts';
import type { DutySession } from './duty-session.ts';

/** Attempts ended in one round, by what became of them. */
export interface RescueCounts {
  /** Attempts `lost` whose task is open again. */
  rescued: number;
  /** Tasks failed because too many workers died under them. */
  poisoned: number;
  timed_out: number;
  /** Of those, tasks failed because the budget is spent. */
  failed: number;
  revoked: number;
  /** Records closed whose task was no longer theirs; the task is untouched. */
  closed: number;
}

type Kind = 'orphaned' | 'overdue' | 'revoked' | 'foreign';

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
/** A light claim that its worker has not recorded for so long, although it lives: the worker's main thread stands still. */
const STRAY_AFTER_S = 10;

export class Rescuer {
  readonly #o: RescuerOptions;
  /** Where the next page of each list begins: rows that cannot be ended now must not keep the others waiting. */
  readonly #after: Record<Kind, number> = { orphaned: 0, overdue: 0, revoked: 0, foreign: 0 };
  readonly #declaredDead = new Map<string, number>();

  constructor(options: RescuerOptions) {
    this.#o = options;
  }

  /** So that its attempts record a death, and not merely that the device is offline. Counted by `takenFrom`. */
  declaredDead(deviceId: string): void {
    this.#declaredDead.set(deviceId.toLowerCase(), 0);
    this.#after.orphaned = 0;
  }

  /** Attempts taken from a device since it was declared dead; forgets them. */
  takenFrom(deviceId: string): number {
    const taken = this.#declaredDead.get(deviceId.toLowerCase()) ?? 0;
    this.#declaredDead.delete(deviceId.toLowerCase());
    return taken;
  }

  /**
   * Ends the light claims of devices that are offline, removed or superseded, and gives rows to those that a living worker
   * should have recorded long ago, so that the lists below find them.
   */
  async light(): Promise<RescueCounts> {
    const { duty, limit = LIMIT } = this.#o;
    const counts = noRescues();
    const refs = await duty.run((session) => strayLightClaims(session, duty.names, STRAY_AFTER_S, limit));
    const byDevice = new Map<string, LightClaimRef[]>();
    for (const ref of refs) {
      const key = `${ref.orphaned}/${ref.device_id.toLowerCase()}`;
      byDevice.set(key, [...(byDevice.get(key) ?? []), ref]);
    }
    for (const of of byDevice.values()) {
      const { orphaned, device_id } = of[0]!;
      if (orphaned === 0) {
        await duty.fenced((session) => recordForWorker(session, duty.names, of));
        continue;
      }
      const ended = await duty.fenced((session) =>
        endLightClaims(session, duty.names, of, (device, instance_token) =>
          this.#causeOfLoss(device, { device_id, instance_token }),
        ),
      );
      counts.rescued += ended;
      this.#noteTaken(device_id, ended);
    }
    return counts;
  }

  /** Attempts of devices that are offline, removed or superseded. */
  orphaned(): Promise<RescueCounts> {
    const { policy } = this.#o;
    return this.#round('orphaned', orphanedAssignments, (locked) => {
      const cause = this.#causeOfLoss(locked.device, locked.attempt);
      return cause === undefined ? undefined : endLost(locked.attempt, locked.task, cause, policy);
    });
  }

  overdue(): Promise<RescueCounts> {
    const { policy, random = Math.random } = this.#o;
    return this.#round('overdue', overdueAssignments, (locked) =>
      locked.overdue === 1 ? endOverdue(locked.attempt, locked.task, policy, random) : undefined,
    );
  }

  revoked(): Promise<RescueCounts> {
    const { revokeTimeoutS } = this.#o;
    return this.#round(
      'revoked',
      (session, names, page) => revokedAssignments(session, names, revokeTimeoutS, page),
      ({ attempt, task }) => (attempt.revoked_at === null ? undefined : endRevoked(attempt, task)),
    );
  }

  foreign(): Promise<RescueCounts> {
    return this.#round('foreign', foreignAssignments, ({ attempt, task }) =>
      task === undefined ? endForeign(attempt) : undefined,
    );
  }

  /** Undefined = its device is back. */
  #causeOfLoss(
    device: LockedAttempt['device'],
    attempt: { device_id: string; instance_token: Buffer | null },
  ): Exclude<LostCause, 'foreign'> | undefined {
    if (device === undefined) return 'device_removed';
    if (device.status === 'offline') {
      return this.#declaredDead.has(attempt.device_id.toLowerCase()) ? 'device_dead' : 'device_offline';
    }
    const { instance_token } = attempt;
    const same = instance_token === null || device.instance_token?.equals(instance_token) === true;
    return same ? undefined : 'superseded';
  }

  #noteTaken(deviceId: string, more: number): void {
    const dead = deviceId.toLowerCase();
    const taken = this.#declaredDead.get(dead);
    if (taken !== undefined) this.#declaredDead.set(dead, taken + more);
  }

  async #round(
    kind: Kind,
    list: (session: Session, names: DutySession['names'], page: Page) => Promise<AttemptRef[]>,
    decide: (locked: LockedAttempt) => AttemptEnd | undefined,
  ): Promise<RescueCounts> {
    const { duty, limit = LIMIT } = this.#o;
    const counts = noRescues();
    const refs = await duty.run((session) => list(session, duty.names, { after: this.#after[kind], limit }));
    this.#after[kind] = refs.length < limit ? 0 : (refs.at(-1)?.id ?? 0);
    let failure: unknown;
    for (const ref of refs) {
      try {
        const end = await duty.fenced(async (session) => {
          const locked = await lockAttempt(session, duty.names, ref);
          const decided = locked === undefined ? undefined : decide(locked);
          if (locked !== undefined && decided !== undefined) {
            await rescueAssignment(session, duty.names, locked, decided);
          }
          return decided;
        });
        if (end === undefined) continue;
        count(counts, end);
        this.#noteTaken(ref.device_id, 1);
      } catch (error) {
        // One attempt that cannot be ended must not keep the others from it; without a database or a term nobody can.
        if (error instanceof NotLeader || isConnectionLost(error)) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return counts;
  }
}

export function noRescues(): RescueCounts {
  return { rescued: 0, poisoned: 0, timed_out: 0, failed: 0, revoked: 0, closed: 0 };
}

function count(counts: RescueCounts, { assignment, task }: AttemptEnd): void {
  if (task === undefined) counts.closed += 1;
  else if (assignment.status === 'timeout') counts.timed_out += 1;
  else if (assignment.status !== 'lost') counts.revoked += 1;
  else if (assignment.error_class === 'poison') counts.poisoned += 1;
  else counts.rescued += 1;
  if (assignment.status === 'timeout' && task?.status === 'failed') counts.failed += 1;
}
