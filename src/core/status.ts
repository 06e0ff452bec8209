// The fleet at one glance: is all well, and if not, why. Every judgement is made here, so that a page or a gateway says
// the same as the command.
import type { Context } from './context/context.ts';
import { schemaState } from './context/schema-state.ts';
import { listDevices } from './db/devices/list-devices.ts';
import { discoverLanes, type LaneHead } from './db/lanes/discover-lanes.ts';
import { getLeader, type LeaderRow } from './db/leader/get-leader.ts';
import { type RunningProgress, runningProgress } from './db/reports/running-progress.ts';
import type { Session } from './db/session.ts';
import { COUNT_LIMIT, countLane, dueAges, type FleetCounts, fleetCounts } from './db/tasks/fleet-status.ts';
import { type Device, judged, stuckList } from './devices/devices.ts';
import { type Capabilities, infeasibleReasons } from './domain/eligibility.ts';
import { requirementsOf } from './domain/task/requirements.ts';

/** A lane with pending tasks that no device can run as things are. */
export interface UnmatchableLane {
  task_type: string;
  required_capabilities: Record<string, unknown>;
  pending: number;
  /** What the nearest device lacks. */
  reasons: string[];
}

export interface FleetStatus {
  well: boolean;
  /** Why it is not; a sentence each. */
  problems: string[];
  database: { address: string; version: string };
  schema: { up_to_date: boolean; applied: number };
  leader: LeaderRow;
  devices: {
    online: number;
    busy: number;
    offline: number;
    silent: string[];
    /** Their rows hold what cannot be used; `afd devices show` says what. */
    odd: string[];
    /** That live, and claim nothing because an operator said so: paused, draining or quarantined. */
    inactive: Array<{ device_id: string; operator_state: Device['operator_state'] }>;
    /** Slots of live workers, those of inactive ones among them. */
    slots: number;
    inactive_slots: number;
    stuck_slots: number;
    current_tasks: number;
  };
  /** Counts stop at `counted_up_to`. */
  tasks: FleetCounts['tasks'] & { unmatchable: number };
  counted_up_to: number;
  /** Age of the oldest due pending task in seconds; null = nothing is due. */
  oldest_due_age: number | null;
  unmatchable: UnmatchableLane[];
  /** Attempts that ended in the last hour. */
  last_hour: FleetCounts['last_hour'];
  /** Open attempts past their deadline. */
  overdue: number;
  /** Running tasks that say how far they are, those that spoke last. */
  in_progress: RunningProgress[];
}

/** Of the attempts of the last hour; the design document alerts above 10 % (its 9.2). Fewer than ten say nothing. */
const FAILURE_RATE = 0.1;
const ENOUGH_ATTEMPTS = 10;
/** Devices with odd rows that are named. */
const MOST_ODD = 3;
/** Running tasks that are named. */
const MOST_IN_PROGRESS = 5;

/** @throws AfdError E_SCHEMA, DatabaseError */
export async function fleetStatus(context: Context): Promise<FleetStatus> {
  const { names, config } = context;
  const session = await context.session();
  const schema = await schemaState(session, names);
  const leader = await getLeader(session, names);
  const rows = await listDevices(session, names);
  const devices = rows.map((row) => judged(row, config.master.heartbeat_timeout));
  const counts = await fleetCounts(session, names);
  const heads = await discoverLanes(session, names);
  const ages = await dueAges(
    session,
    heads.map((head) => head.due_at),
  );
  const oldest = Math.max(...ages.filter((age) => age >= 0), -1);
  const unmatchable = await unmatchableLanes(session, context, heads, devices);
  const working = devices.filter((d) => d.status !== 'offline');
  const odd = devices.filter((d) => d.problems.length > 0);
  const workers = working.filter((d) => d.device_type === 'worker');
  const inactive = workers.filter((d) => d.operator_state !== 'active');
  const status: Omit<FleetStatus, 'problems' | 'well'> = {
    database: { address: session.where, version: session.facts.version },
    schema: { up_to_date: true, applied: schema.applied.length },
    leader,
    devices: {
      online: devices.filter((d) => d.status === 'online').length,
      busy: devices.filter((d) => d.status === 'busy').length,
      offline: devices.filter((d) => d.status === 'offline').length,
      silent: devices.filter((d) => d.silent).map((d) => d.device_id),
      odd: odd.map((d) => d.device_id),
      inactive: inactive.map(({ device_id, operator_state }) => ({ device_id, operator_state })),
      slots: slotsOf(workers),
      inactive_slots: slotsOf(inactive),
      stuck_slots: workers.reduce((sum, d) => sum + d.stuck.length, 0),
      current_tasks: devices.reduce((sum, d) => sum + d.current_tasks, 0),
    },
    tasks: { ...counts.tasks, unmatchable: unmatchable.reduce((sum, lane) => sum + lane.pending, 0) },
    counted_up_to: COUNT_LIMIT,
    oldest_due_age: oldest < 0 ? null : oldest,
    unmatchable,
    last_hour: counts.last_hour,
    overdue: counts.overdue,
    in_progress: await runningProgress(session, names, MOST_IN_PROGRESS),
  };
  const problems = [...problemsOf(status, workers), ...oddRows(odd)];
  return { well: problems.length === 0, problems, ...status };
}

function slotsOf(devices: Device[]): number {
  return devices.reduce((sum, one) => sum + one.max_concurrent_tasks, 0);
}

async function unmatchableLanes(session: Session, context: Context, heads: LaneHead[], devices: Device[]) {
  const able = devices.filter(
    (d) => d.device_type === 'worker' && d.status !== 'offline' && d.operator_state === 'active',
  );
  const lanes = new Map(heads.map((head) => [head.lane.toString('hex'), head]));
  const found: UnmatchableLane[] = [];
  for (const head of lanes.values()) {
    const required_capabilities = requirementsOf(head.required_capabilities).requires ?? {};
    const lane = { task_type: head.task_type, required_capabilities };
    const reasons = able.map((device) => infeasibleReasons(device.capabilities as Capabilities, lane));
    if (able.length === 0 || reasons.some((one) => one.length === 0)) continue;
    const nearest = reasons.reduce((best, one) => (one.length < best.length ? one : best));
    found.push({ ...lane, pending: await countLane(session, context.names, head.lane), reasons: nearest });
  }
  return found;
}

function problemsOf(status: Omit<FleetStatus, 'problems' | 'well'>, workers: Device[]): string[] {
  const { devices, leader, tasks, last_hour: ended } = status;
  const problems: string[] = [];
  const due = status.oldest_due_age !== null;
  if (devices.silent.length > 0) problems.push(`no recent heartbeat from ${devices.silent.join(', ')}`);
  if (workers.length === 0 && (due || tasks.running > 0)) problems.push('no worker is online, but tasks are due');
  else if (due && workers.length > 0 && workers.every((d) => d.operator_state !== 'active')) {
    problems.push('every online worker is paused, draining or quarantined, but tasks are due');
  }
  for (const device of workers.filter((d) => d.stuck.length > 0)) {
    problems.push(
      `${stuckSlots(device)} until ${device.device_id} is restarted: a handler ignores its abort signal (${stuckList(device)})`,
    );
  }
  const active = workers.filter((d) => d.operator_state === 'active');
  const [held] = active;
  if (due && held !== undefined && active.every((d) => d.over_limits.length > 0)) {
    problems.push(
      `every worker is over a resource limit, but tasks are due (${held.device_id}: ${held.over_limits.join(', ')})`,
    );
  }
  if (leader.device_id === null && (workers.length > 0 || tasks.running > 0)) {
    problems.push('no leader: tasks still run, but dead devices and missed deadlines are not detected');
  }
  for (const { duty, message, since } of leader.failing) {
    problems.push(`the leader's ${duty} has been failing since ${since}: ${message}`);
  }
  for (const lane of status.unmatchable) {
    const needs =
      Object.keys(lane.required_capabilities).length === 0 ? '' : ` ${JSON.stringify(lane.required_capabilities)}`;
    problems.push(
      `no online device can run ${count(lane.pending)} ${lane.task_type}${needs} (closest match: ${lane.reasons.join(', ')})`,
    );
  }
  if (status.overdue > 0) problems.push(`${count(status.overdue)} still running after the deadline`);
  const bad = ended.failed + ended.timeout;
  const all = bad + ended.completed;
  if (all >= ENOUGH_ATTEMPTS && bad / all > FAILURE_RATE) {
    problems.push(`${Math.round((100 * bad) / all)} % of the attempts of the last hour failed (${bad} of ${all})`);
  }
  return problems;
}

function stuckSlots({ device_id, stuck, max_concurrent_tasks: slots }: Device): string {
  if (slots === 1) return `the only slot of ${device_id} is stuck`;
  return `${stuck.length} of the ${slots} slots of ${device_id} ${stuck.length === 1 ? 'is' : 'are'} stuck`;
}

/** A few by name: a program that wrote one odd row may have written many. */
function oddRows(odd: Device[]): string[] {
  const more = odd.length > MOST_ODD ? [`${odd.length - MOST_ODD} more device rows are not valid`] : [];
  const named = odd.slice(0, MOST_ODD).map((d) => `the row of ${d.device_id} is not valid: ${d.problems.join('; ')}`);
  return [...named, ...more];
}

function count(n: number): string {
  return `${n}${n >= COUNT_LIMIT ? ' or more' : ''} task${n === 1 ? '' : 's'}`;
}
