// The fleet in a few figures, cheap enough to be read each second.
import type { Context } from '../context/context.ts';
import { COUNTED, overviewRows } from '../db/fleet/overview.ts';
import { discoverLanes } from '../db/lanes/discover-lanes.ts';
import { getLeader } from '../db/leader/get-leader.ts';
import { dueAges } from '../db/tasks/fleet-status.ts';
import { TASK_STATUSES, type TaskStatus } from '../domain/task/task.ts';
import type { Total } from '../search/search-bounds.ts';

type End = 'completed' | 'failed' | 'timeout' | 'lost';

export interface Overview {
  tasks: Record<TaskStatus, Total>;
  /** Attempts that ended within the last hour. */
  last_hour: Record<End, Total>;
  /** Open attempts past their deadline. */
  overdue: Total;
  /** Seconds that the oldest due task has waited; null = nothing is due. */
  oldest_due_age: number | null;
  devices: {
    online: number;
    busy: number;
    offline: number;
    /** Live workers that claim nothing because an operator said so. */
    inactive: number;
    /** Slots of live workers. */
    slots: number;
  };
  leader: { device_id: string | null; term: number };
  now: string;
}

/** Lanes and ranks whose heads are read for the oldest. */
const MOST_LANES = 200;
const ENDS = ['completed', 'failed', 'timeout', 'lost'] as const;

/** Reads what it needs each time it is called; it remembers the lanes of the last time, to ask for them at once. */
export function overviewReader(): (context: Context) => Promise<Overview> {
  let known: Awaited<ReturnType<typeof discoverLanes>> = [];
  return async (context) => {
    const { names, config } = context;
    const session = await context.session();
    const { now, counts, devices } = await overviewRows(session, names, config.master.heartbeat_timeout);
    const leader = await getLeader(session, names);
    known = await discoverLanes(session, names, known, MOST_LANES);
    const ages = await dueAges(
      session,
      known.map((head) => head.due_at),
    );
    const oldest = Math.max(-1, ...ages.filter((age) => age >= 0));
    const live = devices.filter((one) => one.device_type === 'worker' && one.status !== 'offline');
    const number = (status: string) => sum(devices.filter((one) => one.status === status).map((one) => one.n));
    return {
      tasks: totals(TASK_STATUSES, counts, 'task_'),
      last_hour: totals(ENDS, counts, 'hour_'),
      overdue: totalOf(counts.get('overdue')),
      oldest_due_age: oldest < 0 ? null : oldest,
      devices: {
        online: number('online'),
        busy: number('busy'),
        offline: number('offline'),
        inactive: sum(live.filter((one) => one.operator_state !== 'active').map((one) => one.n)),
        slots: sum(live.map((one) => one.slots)),
      },
      leader: { device_id: leader.device_id, term: leader.term },
      now,
    };
  };
}

function totals<K extends string>(keys: readonly K[], counts: Map<string, number>, prefix: string): Record<K, Total> {
  return Object.fromEntries(keys.map((key) => [key, totalOf(counts.get(prefix + key))])) as Record<K, Total>;
}

function totalOf(n = 0): Total {
  return { count: Math.min(n, COUNTED), exact: n <= COUNTED };
}

function sum(numbers: number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
