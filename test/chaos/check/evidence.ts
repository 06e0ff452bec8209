// What a storm leaves behind, as the checker reads it. Nothing here touches a database or a clock.

/** A task row inside an event. */
export interface TaskRow {
  status: string;
  attempt: number;
  /** Hex; null = nobody holds it. */
  token: string | null;
  retry: number;
  lost_count: number;
  /** Its own budget; null = the fleet's. */
  budget: number | null;
  /** Seconds from the database's now until it is due; negative = due since. */
  due_in_s: number;
}

interface Recorded {
  /** Place in the order of the database. Rows are locked when a trigger runs, so for one row this is the order of commits. */
  n: number;
  /** Milliseconds since 1970 by the database's clock. */
  at: number;
  /** Which connection of which run of the server wrote it; `boot:connection`. */
  conn: string;
  /** The process behind that connection, when it came through a proxy. */
  proc?: string | undefined;
}

export interface TaskEvent extends Recorded {
  table: 'task';
  task: number;
  key: string | null;
  was: TaskRow | undefined;
  now: TaskRow | undefined;
}

export interface AssignmentEvent extends Recorded {
  table: 'assignment';
  id: number;
  task: number;
  attempt: number;
  token: string;
  device: string;
  was: string | undefined;
  now: string | undefined;
  cause: string | null;
  /** Seconds from the database's now to the deadline. */
  deadline_in_s: number;
}

export interface LeaderRow {
  holder: string | null;
  term: number;
  /** Seconds of the lease that are left by the database's clock; null = none. */
  lease_s: number | null;
}

export interface LeaderEvent extends Recorded {
  table: 'leader';
  was: LeaderRow | undefined;
  now: LeaderRow;
}

type DeviceState = { status: string; instance: string | null } | undefined;

/** Written when status or instance change, not at each heartbeat. */
interface DeviceEvent extends Recorded {
  table: 'device';
  device: string;
  was: DeviceState;
  now: DeviceState;
}

export type DatabaseEvent = TaskEvent | AssignmentEvent | LeaderEvent | DeviceEvent;

/** One line of a process's own history. `info` = the outcome is unknown: both worlds are allowed. */
export interface HistoryLine {
  proc: string;
  seq: number;
  type: 'invoke' | 'ok' | 'fail' | 'info';
  f: string;
  task?: number | undefined;
  attempt?: number | undefined;
  /** Dedupe key of an enqueue. */
  key?: string | undefined;
  mono_ns: string;
  /** Milliseconds since 1970 of the machine on which everything ran. */
  wall: number;
  [more: string]: unknown;
}

/** A line of the ledger that handlers append to, outside of the database. */
export interface Execution {
  /** `block` … `unblock`: the handler holds up the event loop of its whole process. */
  what: 'begin' | 'end' | 'abort' | 'block' | 'unblock';
  /** Of a block: how long it lasts unless its process is killed. */
  ms?: number | undefined;
  task: number;
  attempt: number;
  device: string;
  /** Hex; only commands get it. */
  token?: string | undefined;
  pid: number;
  mono_ns: string;
}

/** Of the fleet; times in seconds. */
export interface StormSettings {
  max_retry_count: number;
  retry_backoff: { initial: number; max: number; jitter: number };
  /** As many deaths make a task poison. */
  poison_after: number;
  lease_duration: number;
  /** Shortest time a claim may run before its deadline. */
  shortest_timeout: number;
}

export interface Evidence {
  settings: StormSettings;
  events: DatabaseEvent[];
  history: HistoryLine[];
  ledger: Execution[];
  /** What the storm itself did in addition to afd: connections whose writes are a foreign program's. */
  foreign: ReadonlySet<string>;
  /** False: the storm was cut off before everything had ended. */
  drained: boolean;
}

/** Figures that are no violation. */
export type Counts = Record<string, number>;

/** Judges one rule: tells `wrong` each violation. */
export type Rule = (evidence: Evidence, wrong: (violation: string) => void) => Counts;

export interface Verdict {
  rule: number;
  title: string;
  violations: string[];
  counts: Counts;
}

export function count(counts: Counts, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** Events of each task in the order of the database. */
export function byTask<T extends { task: number }>(events: readonly T[]): Map<number, T[]> {
  const found = new Map<number, T[]>();
  for (const one of events) {
    const list = found.get(one.task);
    if (list === undefined) found.set(one.task, [one]);
    else list.push(one);
  }
  return found;
}

export function taskEvents({ events }: Evidence): TaskEvent[] {
  return events.filter((one) => one.table === 'task');
}

export function assignmentEvents({ events }: Evidence): AssignmentEvent[] {
  return events.filter((one) => one.table === 'assignment');
}

/** The status in which each task was left; `deleted` = it is gone. */
export function lastStatus(evidence: Evidence): Map<number, string> {
  return new Map(taskEvents(evidence).map(({ task, now }) => [task, now?.status ?? 'deleted']));
}

export const OPEN = new Set(['assigned', 'running']);

/** A claim: the row becomes running under a token that it did not carry. */
export function isClaim({ was, now }: TaskEvent): boolean {
  return now?.status === 'running' && now.token !== null && now.token !== (was?.token ?? null);
}

/** The end of an attempt: what was open, or was never recorded as open, is over. */
export function isEnd({ was, now }: AssignmentEvent): boolean {
  return now !== undefined && !OPEN.has(now) && (was === undefined || OPEN.has(was));
}

/** Ends by `task/attempt`. */
export function endsOf(evidence: Evidence): Map<string, AssignmentEvent> {
  const ends = assignmentEvents(evidence).filter(isEnd);
  return new Map(ends.map((one) => [`${one.task}/${one.attempt}`, one]));
}
