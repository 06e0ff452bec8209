// The lanes with pending tasks, for people.
import type { Context } from '../context/context.ts';
import { LANE_COUNTED, laneFigures } from '../db/fleet/lane-figures.ts';
import { discoverLanes, type LaneHead } from '../db/lanes/discover-lanes.ts';
import { dueAges } from '../db/tasks/fleet-status.ts';
import { laneRankKey } from '../domain/lane.ts';
import { requirementsOf } from '../domain/task/requirements.ts';
import type { Total } from '../search/search-bounds.ts';

export interface ShownLane {
  task_type: string;
  required_capabilities: unknown;
  priority: number;
  /** How many tasks wait; null = not counted. */
  pending: Total | null;
  /** Of the task that is claimed first. */
  head_task_id: number;
  due_at: string;
  /** Online devices that can run it, as the leader said; null = not known. */
  able: number | null;
  published_at: string | null;
}

export interface ShownLanes {
  lanes: ShownLane[];
  /** False: there are more. */
  complete: boolean;
  now: string;
}

const MOST_LANES = 1000;
/** Lanes whose tasks are counted. */
const MOST_COUNTED = 200;

/** Reads anew each time it is called; it remembers the lanes of the last time, to ask for them at once. */
export function lanesReader(): (context: Context) => Promise<ShownLanes> {
  let known: LaneHead[] = [];
  return async (context) => {
    const session = await context.session();
    known = await discoverLanes(session, context.names, known, MOST_LANES);
    const ages = await dueAges(
      session,
      known.map((head) => head.due_at),
    );
    const { now, pending, published } = await laneFigures(session, context.names, known.slice(0, MOST_COUNTED));
    const lanes = known.map((head, n): ShownLane => {
      const said = published.get(laneRankKey(head));
      const count = pending[n];
      return {
        task_type: head.task_type,
        required_capabilities: requirementsOf(head.required_capabilities).requires,
        priority: 10 - head.claim_rank,
        pending: count === undefined ? null : { count: Math.min(count, LANE_COUNTED), exact: count <= LANE_COUNTED },
        head_task_id: head.id,
        due_at: new Date(Date.parse(now) - ages[n]! * 1000).toISOString(),
        able: said?.able ?? null,
        published_at: said?.published_at ?? null,
      };
    });
    return { lanes, complete: known.length < MOST_LANES, now };
  };
}
