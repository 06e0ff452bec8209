// What has changed since the last read, for the streams of a gateway: one batch of reads without a lock, each by PRIMARY (or idx_status for
// all that is open, and afd_unended for batches), each with a LIMIT. Zero rows = nothing of that kind.

import type { Row, Session } from '../session.ts';
import { settingsStatement } from '../settings/read-settings.ts';
import type { TableNames } from '../table-names.ts';

/** Rows of one statement. */
export const MOST_ROWS = 1000;
/** Open attempts whose ends are watched. */
export const MOST_OPEN = 10_000;
/** Seconds by which the end of a batch may be older than its COMMIT. */
const COMMIT_S = 30;
/** Of an error message. */
const LONGEST_TEXT = 500;

/** Rows behind `after`, and those of `missing`, which had not been committed when higher ids were read. */
export interface Behind {
  after: number;
  missing: number[];
}

export interface ChangesAsk {
  tasks: Behind;
  attempts: Behind;
  ends: Behind;
  /** Batches that ended about then or later; undefined = about now. */
  batchesSince: string | undefined;
  /** Attempts that had not begun, or had not ended, when they were read last. */
  assigned: number[];
  running: number[];
  /** Devices behind this id. */
  devicesAfter: number;
  /** Read the ids of all open attempts too. */
  allOpen: boolean;
}

export interface ChangesRead {
  /** UTC, as the server spells it. */
  now: string;
  tasks: Row[];
  attempts: Row[];
  ends: Row[];
  /** The newest first. */
  batches: Row[];
  moved: Row[];
  devices: Row[];
  leader: Row | undefined;
  settings: Row[];
  open: Row[] | undefined;
  top: { tasks: number; attempts: number; ends: number };
}

interface Statement {
  sql: string;
  values: unknown[];
}

/** Of `a`, the attempt, and `t`, its task; another attempt may be its current one by then. */
const ATTEMPT = `a.id, a.task_id, a.attempt, a.device_id, a.status, a.started_at, a.completed_at, a.cause,
  LEFT(a.error_message, ${LONGEST_TEXT}) AS error_message, t.task_type, IF(t.attempt = a.attempt, t.status, NULL) AS task_status`;

/** @throws DatabaseError */
export async function readChanges(session: Session, names: TableNames, ask: ChangesAsk): Promise<ChangesRead> {
  const attempts = `SELECT ${ATTEMPT} FROM ${names.assignment} a LEFT JOIN ${names.task} t ON t.id = a.task_id`;
  const statements: Record<string, Statement | undefined> = {
    top: top(names),
    tasks: behind(
      `SELECT t.id, t.task_type, t.status, t.parent_id,
         CONVERT_TZ(t.created_at, @@session.time_zone, '+00:00') AS created_at FROM ${names.task} t`,
      't.id',
      ask.tasks,
    ),
    attempts: behind(attempts, 'a.id', ask.attempts),
    ends: behind(
      `SELECT e.id, e.task_id, e.status, e.cause, e.ended_at, t.task_type FROM ${names.taskEnd} e
       LEFT JOIN ${names.task} t ON t.id = e.task_id`,
      'e.id',
      ask.ends,
    ),
    batches: endedBatches(names, ask.batchesSince),
    begun: among(attempts, ask.assigned, `a.status <> 'assigned'`),
    ended: among(attempts, ask.running, `a.status NOT IN ('assigned', 'running')`),
    devices: {
      sql: `SELECT id, device_id, device_type, status, operator_state FROM ${names.device} WHERE id > ? ORDER BY id LIMIT ?`,
      values: [ask.devicesAfter, MOST_ROWS],
    },
    leader: {
      sql: `SELECT IF(expires_at > UTC_TIMESTAMP(3), holder, NULL) AS holder, term FROM ${names.leader} WHERE name = 'leader'`,
      values: [],
    },
    settings: { ...settingsStatement(names), values: [] },
    open: ask.allOpen ? openAttempts(names) : undefined,
  };
  const asked = Object.entries(statements).filter((one): one is [string, Statement] => one[1] !== undefined);
  const results = await session.batch(asked.map(([, statement]) => statement));
  const rows = Object.fromEntries(asked.map(([name], n) => [name, results[n] as Row[]]));
  const [highest] = rows.top!;
  return {
    now: highest?.now,
    tasks: rows.tasks!,
    attempts: rows.attempts!,
    ends: rows.ends!,
    batches: rows.batches!,
    moved: [...(rows.begun ?? []), ...(rows.ended ?? [])],
    devices: rows.devices!,
    leader: rows.leader![0],
    settings: rows.settings!,
    open: rows.open,
    top: { tasks: Number(highest?.tasks), attempts: Number(highest?.attempts), ends: Number(highest?.ends) },
  };
}

/** Read first: what is inserted later is behind it, and is read the next time. */
function top(names: TableNames): Statement {
  const highest = (table: string) => `(SELECT COALESCE(MAX(id), 0) FROM ${table})`;
  return {
    sql: `SELECT UTC_TIMESTAMP(3) AS now, ${highest(names.task)} AS tasks, ${highest(names.assignment)} AS attempts,
            ${highest(names.taskEnd)} AS ends`,
    values: [],
  };
}

function behind(select: string, id: string, { after, missing }: Behind): Statement {
  const first = { sql: `(${select} WHERE ${id} > ? ORDER BY ${id} LIMIT ?)`, values: [after, MOST_ROWS + 1] };
  if (missing.length === 0) return first;
  return {
    sql: `${first.sql} UNION ALL (${select} WHERE ${id} IN (${missing.map(() => '?').join(', ')}))`,
    values: [...first.values, ...missing],
  };
}

function among(select: string, ids: number[], condition: string): Statement | undefined {
  if (ids.length === 0) return undefined;
  return { sql: `${select} WHERE a.id IN (${ids.map(() => '?').join(', ')}) AND ${condition}`, values: ids };
}

function endedBatches(names: TableNames, since: string | undefined): Statement {
  return {
    sql: `SELECT id, name, created_at, sealed_at, ended_at FROM ${names.batch} FORCE INDEX (afd_unended)
          WHERE ended_at > COALESCE(?, UTC_TIMESTAMP(3)) - INTERVAL ${COMMIT_S} SECOND ORDER BY ended_at DESC, id DESC LIMIT ?`,
    values: [since ?? null, MOST_ROWS + 1],
  };
}

/** By idx_status, which has the id. */
function openAttempts(names: TableNames): Statement {
  return {
    sql: `SELECT id, status FROM ${names.assignment} FORCE INDEX (idx_status) WHERE status IN ('assigned', 'running') LIMIT ?`,
    values: [MOST_OPEN],
  };
}
