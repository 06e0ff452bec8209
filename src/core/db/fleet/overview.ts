// The figures of a glance that 1,000 viewers share, in one round trip, without a lock. Each is one bounded range of an index: tasks
// by afd_claim, attempts by idx_status; devices whole, without their JSON. With the database's time.
import { ASSIGNMENT_STATUSES, TASK_STATUSES } from '../../domain/task/task.ts';
import { stateIs } from '../claim-state.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Counts stop one above this. */
export const COUNTED = 10_000;

export interface OverviewRows {
  now: string;
  /** By name: `task_pending`, `hour_completed`, `overdue`, …; at most COUNTED + 1. */
  counts: Map<string, number>;
  devices: Array<{ device_type: string; status: string; operator_state: string; n: number; slots: number }>;
}

/** `silent`: seconds without a heartbeat after which a device counts as offline. @throws DatabaseError */
export async function overviewRows(session: Session, names: TableNames, silentS: number): Promise<OverviewRows> {
  const [now, counts, devices] = await session.batch([
    { sql: 'SELECT UTC_TIMESTAMP(3) AS now' },
    { sql: overviewCounts(names) },
    {
      sql: `SELECT device_type, shown AS status, operator_state, COUNT(*) AS n, SUM(slots) AS slots FROM (
              SELECT device_type, operator_state, COALESCE(max_concurrent_tasks, 0) AS slots,
                IF(COALESCE(last_heartbeat < UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND, TRUE), 'offline',
                   COALESCE(NULLIF(status, ''), 'offline')) AS shown
              FROM ${names.device}) d GROUP BY device_type, shown, operator_state`,
      values: [Math.round(silentS * 1e6)],
    },
  ]);
  return {
    now: utcToIso(now![0]!.now)!,
    counts: new Map([...counts!].map((row) => [row.figure as string, Number(row.n)])),
    devices: [...devices!].map(
      (row) => ({ ...row, n: Number(row.n), slots: Number(row.slots) }) as OverviewRows['devices'][0],
    ),
  };
}

export function overviewCounts(names: TableNames): string {
  const count = (figure: string, table: string, index: string, where: string) =>
    `SELECT '${figure}' AS figure, COUNT(*) AS n
     FROM (SELECT 1 FROM ${table} FORCE INDEX (${index}) WHERE ${where} LIMIT ${COUNTED + 1}) AS ${figure}`;
  // An attempt that ended within the hour was open then: its deadline lies after that moment, or the leader was late.
  const ended = `deadline_at > UTC_TIMESTAMP(3) - INTERVAL 2 HOUR AND completed_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR`;
  const ends = ASSIGNMENT_STATUSES.filter((one) => ['completed', 'failed', 'timeout', 'lost'].includes(one));
  return [
    ...TASK_STATUSES.map((one) => count(`task_${one}`, names.task, 'afd_claim', stateIs(one))),
    ...ends.map((one) => count(`hour_${one}`, names.assignment, 'idx_status', `status = '${one}' AND ${ended}`)),
    count(
      'overdue',
      names.assignment,
      'idx_status',
      "status IN ('assigned', 'running') AND deadline_at < UTC_TIMESTAMP(3)",
    ),
  ].join(' UNION ALL ');
}
