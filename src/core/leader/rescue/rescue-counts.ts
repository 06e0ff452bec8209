import type { AttemptEnd } from '../../domain/attempt/lost.ts';

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
  /** Attempts closed whose task was no longer theirs; the task is untouched. */
  closed: number;
}

export function noRescues(): RescueCounts {
  return { rescued: 0, poisoned: 0, timed_out: 0, failed: 0, revoked: 0, closed: 0 };
}

export function countEnd(counts: RescueCounts, { assignment, task }: AttemptEnd): void {
  if (task === undefined) counts.closed += 1;
  else if (assignment.status === 'timeout') counts.timed_out += 1;
  else if (assignment.status !== 'lost') counts.revoked += 1;
  else if (assignment.error_class === 'poison') counts.poisoned += 1;
  else counts.rescued += 1;
  if (assignment.status === 'timeout' && task?.status === 'failed') counts.failed += 1;
}
