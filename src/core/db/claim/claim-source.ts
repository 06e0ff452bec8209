// Where a claim reads.
import type { LaneRank } from '../../domain/lane.ts';

/** Where a claim starts to read a lane: the last row that this process took there. */
export interface Cursor {
  /** As the server spelled it: `YYYY-MM-DD HH:MM:SS.mmm`, in the task table's zone. */
  due_at: string;
  id: number;
}

export interface LaneSource extends LaneRank {
  kind: 'lane';
  cursor: Cursor | undefined;
  /** Read from the furthest task of the lane that runs, if that is behind the cursor. */
  frontier?: boolean;
}

/** What to claim from: one lane and rank, or the tasks directed at this device. */
export type ClaimSource =
  | LaneSource
  /** `without`: types of which the device can begin no task now. */
  | { kind: 'directed'; device_id: string; without?: readonly string[] }
  /** Named ones, of which a claim has just failed: one of them may be what the server refuses (odd-tasks.ts). */
  | { kind: 'tasks'; ids: number[] };
