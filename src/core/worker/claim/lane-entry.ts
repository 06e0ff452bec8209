import type { Cursor } from '../../db/claim/claim-source.ts';
import type { LaneRank } from '../../domain/lane.ts';
import { requirementsOf } from '../../domain/task/requirements.ts';

export interface KnownLane extends LaneRank {
  task_type: string;
  /** JSON text or null. */
  required_capabilities: string | null;
  /** Online devices that can run it, as published; absent or null = not known. */
  able?: number | null;
}

export interface LaneEntry extends KnownLane {
  requires: Record<string, unknown> | null;
  able: number | null;
  maybeDue: boolean;
  cursor: Cursor | undefined;
  /** Its next claim reads from the cursor on, and not from the frontier: there is work between the two, or there may be. */
  behind: boolean;
  /** With all slots taken, its head cannot be prefetched: it waits for a free slot. */
  needsSlot: boolean;
  /** A claim of it failed for a reason that no row explains: left alone until then (monotonic ms). */
  restsUntil: number;
  /** Sequence number of the last claim, so that lanes of one rank take turns. */
  lastClaim: number;
  /** Order of lanes never claimed from: different in each process, so that they begin in different lanes. */
  tieBreaker: number;
  cursorCheckedAt: number;
  cursorCheckEveryMs: number;
}

/** A cursor is checked at least this often. */
export const CURSOR_CHECK_LEAST_MS = 1000;

/** `tieBreaker`: a random number. */
export function newEntry(lane: KnownLane, maybeDue: boolean, tieBreaker: number): LaneEntry {
  return {
    ...lane,
    requires: requirementsOf(lane.required_capabilities).requires,
    able: lane.able ?? null,
    maybeDue,
    cursor: undefined,
    behind: false,
    needsSlot: false,
    restsUntil: 0,
    lastClaim: 0,
    tieBreaker,
    cursorCheckedAt: 0,
    cursorCheckEveryMs: CURSOR_CHECK_LEAST_MS,
  };
}
