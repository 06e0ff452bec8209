// A lane: tasks of one type that require the same. docs/adr/0005-lanes.md
import { createHash } from 'node:crypto';

/** Where tasks wait: a lane, and in it one rank. */
export interface LaneRank {
  /** 16 bytes, of laneKey(). */
  lane: Buffer;
  claim_rank: number;
}

/** A lane and rank with what its tasks ask for. */
export interface KnownLane extends LaneRank {
  task_type: string;
  /** JSON text as the server spells it; null = nothing. */
  required_capabilities: string | null;
  /** Online devices that can run it, as the leader counted them; absent or null = not known. */
  able?: number | null;
}

/**
 * The 16 bytes of the generated column `lane`, for those who have to name a lane before they have read a row of it. `required`:
 * the text of required_capabilities as the server spells it (MySQL writes JSON in its own way, MariaDB keeps it as sent).
 */
export function laneKey(taskType: string, required: string | null): Buffer {
  return createHash('sha256')
    .update(`${taskType}|${required ?? ''}`)
    .digest()
    .subarray(0, 16);
}

/** The generated column `claim_rank`: 0 is claimed first. `priority` null = 5. */
export function claimRank(priority: number | null | undefined): number {
  return 10 - Math.min(10, Math.max(0, priority ?? 5));
}

/** Names a lane and rank in a map or a set. */
export function laneRankKey({ lane, claim_rank }: LaneRank): string {
  return `${lane.toString('hex')}/${claim_rank}`;
}
