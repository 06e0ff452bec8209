// The lane of a task as the database computes it, for those who have to name a lane before they have read a row of it.
import { createHash } from 'node:crypto';

/**
 * The 16 bytes of the generated column `lane`. `required`: the text of required_capabilities as the server spells it
 * (MySQL writes JSON in its own way, MariaDB keeps it as sent); null = none. docs/adr/0005-lanes.md.
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
