import type { KnownLane } from '../../domain/lane.ts';
import { requirementsOf } from '../../domain/task/requirements.ts';
import { LaneCursor } from './lane-cursor.ts';

/** What the catalog knows of a lane and rank. */
export interface LaneEntry extends KnownLane {
  requires: Record<string, unknown> | null;
  able: number | null;
  maybeDue: boolean;
  readonly cursor: LaneCursor;
  /** With all slots taken, its head cannot be prefetched: it waits for a free slot. */
  needsSlot: boolean;
  /** A claim of it failed for a reason that no row explains: left alone until then (monotonic ms). */
  restsUntil: number;
  /** Sequence number of the last claim, so that lanes of one rank take turns. */
  lastClaim: number;
  /** Order of lanes never claimed from: different in each process, so that they begin in different lanes. */
  tieBreaker: number;
}

/** `tieBreaker`: a random number. */
export function newEntry(lane: KnownLane, maybeDue: boolean, tieBreaker: number): LaneEntry {
  return {
    ...lane,
    requires: requirementsOf(lane.required_capabilities).requires,
    able: lane.able ?? null,
    maybeDue,
    cursor: new LaneCursor(),
    needsSlot: false,
    restsUntil: 0,
    lastClaim: 0,
    tieBreaker,
  };
}
