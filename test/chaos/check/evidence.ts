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

/** Written when status or instance change, not at each heartbeat. */
export interface DeviceEvent extends Recorded {
  table: 'device';
  device: string;
  was: { status: string; instance: string | null } | undefined;
  now: { status: string; instance: string | null } | undefined;
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
  token?: string | undefined;
  term?: number | undefined;
  /** The database's clock where the line has one. */
  db_ts?: string | undefined;
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

export interface StormSettings {
  /** Fleet's max_retry_count. */
  max_retry_count: number;
  retry_backoff: { initial: number; max: number; jitter: number };
  /** As many deaths make a task poison. */
  poison_after: number;
  /** Seconds. */
  lease_duration: number;
  /** Shortest time a claim may run before its deadline, seconds. */
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

/** What one rule found. `counts` are figures that are no violation. */
export interface Finding {
  violations: string[];
  counts: Record<string, number>;
}

export interface Verdict extends Finding {
  rule: number;
  title: string;
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

export function taskEvents(evidence: Evidence): TaskEvent[] {
  return evidence.events.filter((one): one is TaskEvent => one.table === 'task');
}

export function assignmentEvents(evidence: Evidence): AssignmentEvent[] {
  return evidence.events.filter((one): one is AssignmentEvent => one.table === 'assignment');
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
