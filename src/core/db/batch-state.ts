// The second column of afd_batch: what `status` says, the open ones first, so that one range of the index answers whether any task of a
// batch is open. It is NULL without a batch, as batch_id is: the entry of such a task never moves, and the claim and the end of a task
// write nothing to this index.
import type { TaskStatus } from '../domain/task/task.ts';

/** In the order of the index. What is none of these is 0: no node runs it. */
export const BATCH_ORDER: readonly TaskStatus[] = [
  ...(['pending', 'waiting', 'assigned', 'running'] as const),
  ...(['done', 'failed', 'cancelled'] as const),
];
const OPEN = 4;

/** The generated column batch_state. */
export function batchStateColumn(): string {
  return `IF(batch_id IS NULL, NULL, FIELD(status, ${BATCH_ORDER.map((one) => `'${one}'`).join(', ')}))`;
}

/** A condition on tasks of a batch. */
export function batchStateIs(status: TaskStatus): string {
  return `batch_state = ${BATCH_ORDER.indexOf(status) + 1}`;
}

/** The same: those that have not ended. */
export const BATCH_OPEN = `batch_state BETWEEN 1 AND ${OPEN}`;
