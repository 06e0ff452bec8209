import { ASSIGNMENT_STATUSES, TASK_STATUSES, type TaskStatus } from '../../domain/task/task.ts';
import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** How far anything is counted: beyond it the exact number tells an operator nothing, and reads a big table whole. */
export const COUNT_LIMIT = 100_000;

export interface FleetCounts {
  /** By status; COUNT_LIMIT means "that many or more". */
  tasks: Record<TaskStatus, number>;
  /** Attempts that ended in the last hour, by how; COUNT_LIMIT as above. */
  last_hour: Record<'completed' | 'failed' | 'timeout' | 'lost', number>;
  /** Open attempts that are past their deadline: neither their worker nor the leader has ended them. */
  overdue: number;
}

const ENDS = ASSIGNMENT_STATUSES.filter((s) => ['completed', 'failed', 'timeout', 'lost'].includes(s));

/**
 * Figures for one glance. Non-locking. One bounded index range per figure: tasks over afd_claim(claim_state, …), attempts
 * over idx_status(status, deadline_at). An attempt that ended within the hour was open then, so its deadline lies
 * after that moment, or the leader was late: two hours of deadlines are read. Zero = there are none.
 */
export async function fleetCounts(session: Session, names: TableNames): Promise<FleetCounts> {
  const figures = [
    ...TASK_STATUSES.map((status) => counted(`task_${status}`, names.task, 'afd_claim', stateIs(status))),
    ...ENDS.map((status) =>
      counted(
        `end_${status}`,
        names.assignment,
        'idx_status',
        `status = '${status}' AND deadline_at > UTC_TIMESTAMP(3) - INTERVAL 2 HOUR
           AND completed_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR`,
      ),
    ),
    counted(
      'overdue',
      names.assignment,
      'idx_status',
      "status IN ('assigned', 'running') AND deadline_at < UTC_TIMESTAMP(3)",
    ),
  ];
  const rows = await session.rows<{ figure: string; n: number }>(figures.join(' UNION ALL '));
  const n = (figure: string) => Number(rows.find((row) => row.figure === figure)?.n ?? 0);
  return {
    tasks: Object.fromEntries(TASK_STATUSES.map((s) => [s, n(`task_${s}`)])) as FleetCounts['tasks'],
    last_hour: Object.fromEntries(ENDS.map((s) => [s, n(`end_${s}`)])) as FleetCounts['last_hour'],
    overdue: n('overdue'),
  };
}

/** Seconds that each of these heads (due_at as the server spelled it) has been due; negative = due later. */
export async function dueAges(session: Session, dueAts: string[]): Promise<number[]> {
  if (dueAts.length === 0) return [];
  const parts = dueAts.map((_, i) => `TIMESTAMPDIFF(MICROSECOND, CAST(? AS DATETIME(3)), NOW(3)) / 1000000 AS a${i}`);
  const [row] = await session.rows<Record<string, number>>(`SELECT ${parts.join(', ')}`, dueAts);
  return dueAts.map((_, i) => Number(row?.[`a${i}`] ?? 0));
}

/** Pending tasks of one lane, at most COUNT_LIMIT, over afd_claim. */
export async function countLane(session: Session, names: TableNames, lane: Buffer): Promise<number> {
  const [row] = await session.rows<{ n: number }>(
    counted('lane', names.task, 'afd_claim', `${stateIs('pending')} AND lane = ?`),
    [lane],
  );
  return Number(row?.n ?? 0);
}

function counted(figure: string, table: string, index: string, where: string): string {
  return `SELECT '${figure}' AS figure, COUNT(*) AS n
    FROM (SELECT 1 FROM ${table} FORCE INDEX (${index}) WHERE ${where} LIMIT ${COUNT_LIMIT}) AS ${figure}`;
}
