// Invariant: an end that no attempt shows has a row of its own, for those who read the ends of tasks. Index: none. It inserts one row.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface TaskEndNote {
  taskId: number;
  status: 'failed' | 'cancelled';
  /** `operator`, or `not-claimable`. */
  cause: string;
}

/** In the transaction that ends the task, where there is one. @throws DatabaseError */
export async function noteTaskEnd(session: Session, names: TableNames, note: TaskEndNote): Promise<void> {
  const { taskId, status, cause } = note;
  await session.write(
    `INSERT INTO ${names.taskEnd} (task_id, status, cause, ended_at) VALUES (?, ?, ?, UTC_TIMESTAMP(3))`,
    [taskId, status, cause],
  );
}
