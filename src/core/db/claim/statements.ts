// Every statement of the claim transaction (finish-and-claim.ts), in the order in which it is sent.
// docs/explain/claim.md shows them as a server gets them, and a test compares the two. Each write by an owner names its
// claim token next to the id: a row of another claim is not touched, the count is short, and the transaction is rolled
// back.
import type { AttemptEnd } from '../../domain/attempt/reconcile.ts';
import { laneRankKey } from '../../domain/lane.ts';
import { fitText, type TextWidth } from '../../domain/text/fit-text.ts';
import { stateIs } from '../claim-state.ts';
import { schemaLocks } from '../server/schema-lock.ts';
import type { TableNames } from '../table-names.ts';
import type { Cursor, LaneSource } from './claim-source.ts';
import { type ClaimedTask, taskColumns } from './claimed-task.ts';
import { type AttemptOwner, type EndedAttempt, type Ending, endedRows } from './ended-attempts.ts';
import { microseconds, NO_INLINE_CLAIM, realTime } from './inline-claim.ts';
import type { TextWidths } from './text-widths.ts';

export interface Statement {
  sql: string;
  values: unknown[];
  /** Rows that the statement must touch; another count is a bug. Absent = a read, or a write that may find nothing. */
  expect?: number;
}

// ---- Batch 1: the locks. A ticket first, where many may claim; then the attempts that ended; then what to claim.

/** Large claims at one time in one (lane, rank). */
export const TICKETS = 4;
/** MySQL knows whole seconds alone. */
const TICKET_WAIT_S = 1;

/** Behind the end of the transaction, and before a ticket is taken: a claim that failed may have kept one. */
export const RETURN_TICKET: Statement = { sql: "DO RELEASE_LOCK(COALESCE(@afd_ticket, '-'))", values: [] };

/**
 * Takes a free ticket of this lane and rank, or waits for one that `random` in [0, 1) draws. It runs before START
 * TRANSACTION, so that a claim that waits holds no row. A claim reads over the rows that others have locked and not
 * committed, and each costs the server more than a row that it takes; so only a few claim at one time. Only a courtesy:
 * a claim that gets no ticket in time goes on without.
 */
export function takeTicket(
  names: TableNames,
  source: Pick<LaneSource, 'lane' | 'claim_rank'>,
  random: number,
): Statement {
  const ticket = schemaLocks(names, laneRankKey(source));
  const all = Array.from({ length: TICKETS }, (_, n) => ticket(`:${n}`));
  const waited = all[Math.floor(random * TICKETS)];
  const free = all.map((one) => `WHEN GET_LOCK(${one}, 0) = 1 THEN ${one}`).join(' ');
  return {
    sql: `SELECT CASE ${free} WHEN GET_LOCK(${waited}, ${TICKET_WAIT_S}) = 1 THEN ${waited} END INTO @afd_ticket`,
    values: [],
  };
}

export const BEGIN: Statement = { sql: 'START TRANSACTION', values: [] };

/** The moment of the ends that follow. */
export const READ_NOW: Statement = { sql: 'SELECT UTC_TIMESTAMP(3) AS now', values: [] };

export function lockFinishedTasks(names: TableNames, taskIds: number[]): Statement {
  return {
    sql: `SELECT id, claim_token, status, retry, max_retry_count, target_device_id, attempt, claimed_by, claimed_at, claim_deadline
          FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) ORDER BY id FOR UPDATE`,
    values: [taskIds],
  };
}

export function lockFinishedAttempts(names: TableNames, assignmentIds: number[]): Statement {
  return {
    sql: `SELECT id, task_id, claim_token, status, revoked_at, revoke_outcome FROM ${names.assignment}
          FORCE INDEX (PRIMARY) WHERE id IN (?) ORDER BY id FOR UPDATE`,
    values: [assignmentIds],
  };
}

/** Whether the device may claim. */
export function readPermission(names: TableNames, deviceId: string): Statement {
  return {
    sql: `SELECT operator_state, status, instance_token FROM ${names.device} WHERE device_id = ?`,
    values: [deviceId],
  };
}

/**
 * Sets the session's variables to where a claim of this lane begins: its cursor, or the furthest task of the lane that runs
 * anywhere, if that is behind the cursor. Without it each of n workers walks over what the n − 1 others have claimed since its
 * own last claim. One seek of afd_claim, no lock; sent in front of lockDue, in the same batch.
 */
export function readFrontier(names: TableNames, source: LaneSource, { due_at, id }: Cursor): Statement {
  const further = 'f.due_at > ? OR (f.due_at = ? AND f.id > ?)';
  return {
    sql: `SELECT IF(${further}, f.due_at, ?), IF(${further}, f.id, ?) INTO @afd_due, @afd_id
          FROM (SELECT 1 AS one) one LEFT JOIN (SELECT due_at, id FROM ${names.task} FORCE INDEX (afd_claim)
            WHERE ${stateIs('running')} AND lane = ? AND claim_rank = ? ORDER BY due_at DESC, id DESC LIMIT 1) f ON TRUE`,
    values: [due_at, due_at, id, due_at, due_at, due_at, id, id, source.lane, source.claim_rank],
  };
}

/**
 * The locking read of a claim. Reads afd_claim in its own order, so it never sorts: a sort would lock every pending
 * row. With a cursor it starts behind the rows taken before, whose dead index entries cost a walk otherwise; the two
 * branches keep that a range ((due_at, id) >= (?, ?) does not). No rows = nothing due that is not locked by others.
 */
export function lockDue(names: TableNames, source: LaneSource, limit: number): Statement {
  const due = source.frontier === true ? DUE_SINCE_FRONTIER : dueSince(source.cursor);
  return {
    sql: `SELECT ${taskColumns('t', 't.attempt')} FROM ${names.task} t FORCE INDEX (afd_claim)
          WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? AND ${due.sql}
          ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
    values: [source.lane, source.claim_rank, ...due.values],
  };
}

/** Tasks that are directed at this device, but for types that are full there: behind their tasks wait others that can begin. */
export function lockDirected(
  names: TableNames,
  { device_id, without = [] }: { device_id: string; without?: readonly string[] },
  limit: number,
): Statement {
  const others = without.length === 0 ? '' : ' AND task_type NOT IN (?)';
  return {
    sql: `SELECT ${taskColumns('t', 't.attempt')} FROM ${names.task} t FORCE INDEX (afd_target)
          WHERE target_device_id = ? AND status = 'assigned' AND due_at <= NOW(3)${others}
          ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
    values: without.length === 0 ? [device_id] : [device_id, without],
  };
}

/** Named ones, of which a claim has just failed. */
export function lockNamed(names: TableNames, ids: number[], limit: number): Statement {
  return {
    sql: `SELECT ${taskColumns('t', 't.attempt')} FROM ${names.task} t FORCE INDEX (PRIMARY)
          WHERE id IN (?) AND ${stateIs('pending')} AND due_at <= NOW(3) ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
    values: [ids],
  };
}

/**
 * In place of lockDue where many lanes may have a little: how many due tasks each has, up to its own bound, without locks. A
 * locking read of an empty lane walks on over the dead entries of all lanes behind it, since it is a range that ends by time. So
 * the last row of the lane is read first, by equal columns, where the engine stops with the lane; only where there is one are
 * the due ones counted, with `attempt`, which needs the row: the engine then checks more often whether the range has ended.
 * Figures: `npm run bench -- dead-entries`. Rows that another claim holds count too. lockDue follows, in a batch of its own.
 */
export function countDue(names: TableNames, sources: LaneSource[], bounds: number[]): Statement {
  const lane = `FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ?`;
  const branches = sources.map((source, n) => {
    const due = dueSince(source.cursor);
    const place = [source.lane, source.claim_rank];
    const sql = `(SELECT ${n} AS n, (SELECT COUNT(attempt) FROM (SELECT attempt ${lane} AND ${due.sql} LIMIT ${bounds[n]}) some) AS due
      FROM (SELECT id ${lane} ORDER BY due_at DESC, id DESC LIMIT 1) last)`;
    return { sql, values: [...place, ...due.values, ...place] };
  });
  return { sql: branches.map((one) => one.sql).join(' UNION ALL '), values: branches.flatMap((one) => one.values) };
}

const DUE_SINCE_FRONTIER = {
  sql: '((due_at = @afd_due AND id >= @afd_id) OR (due_at > @afd_due AND due_at <= NOW(3)))',
  values: [],
};

function dueSince(cursor: Cursor | undefined): { sql: string; values: unknown[] } {
  return cursor === undefined
    ? { sql: 'due_at <= NOW(3)', values: [] }
    : {
        sql: '((due_at = ? AND id >= ?) OR (due_at > ? AND due_at <= NOW(3)))',
        values: [cursor.due_at, cursor.id, cursor.due_at],
      };
}

// ---- Between the two, where an end is not found as expected: the row that another process has written for the
// attempt.

/** Its id without a lock, since these rows are locked by PRIMARY alone (lockFinishedAttempts): a row keeps its task and token. */
export function findAttempts(names: TableNames, taskIds: number[], tokens: Buffer[]): Statement {
  return {
    sql: `SELECT id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id IN (?) AND claim_token IN (?)`,
    values: [taskIds, tokens],
  };
}

// ---- Batch 2: the ends, the claim, COMMIT. What batch 1 has locked is written by id and token.

export function completeTasks(names: TableNames, done: AttemptEnd[]): Statement {
  return {
    sql: `UPDATE ${names.task} SET status = 'done', claim_token = NULL, ${NO_INLINE_CLAIM}, lost_count = 0,
            last_error = NULL, finished_at = UTC_TIMESTAMP(3), updated_at = NOW(3) WHERE id IN (?) AND claim_token IN (?)`,
    values: [done.map(({ finish }) => finish.task_id), tokensOf(done)],
    expect: done.length,
  };
}

/** Ends completed attempts that have a row. */
export function completeAttempts(names: TableNames, done: Array<RecordedEnd>): Statement {
  const byId = `CASE id ${done.map(() => 'WHEN ? THEN ?').join(' ')} END`;
  return {
    sql: `UPDATE ${names.assignment} SET status = 'completed', completed_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3),
            result = ${byId}, cause = NULL, started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ${byId} MICROSECOND)
          WHERE id IN (?) AND claim_token IN (?)`,
    values: [
      ...done.flatMap((one) => [one.record.assignment_id, one.result]),
      ...done.flatMap((one) => [one.record.assignment_id, microseconds(one.finish.age_ms)]),
      done.map((one) => one.record.assignment_id),
      tokensOf(done),
    ],
    expect: done.length,
  };
}

/** The task of an attempt that ended otherwise. next_run_at is in the task table's zone (NOW), everything else in UTC. */
export function endTask(names: TableNames, one: AttemptEnd, { last_error: width }: TextWidths): Statement {
  const final = one.task_status === 'failed' || one.task_status === 'cancelled';
  // A released attempt says nothing about the task: its count of deaths and its last error stay.
  const keeps = one.assignment_status === 'released' && one.due_in_s === undefined;
  return {
    sql: `UPDATE ${names.task} SET status = ?, claim_token = NULL, ${NO_INLINE_CLAIM}, retry = ?, updated_at = NOW(3),
            ${keeps ? '' : 'lost_count = 0, last_error = ?,'}
            ${one.due_in_s === undefined ? '' : 'next_run_at = NOW(3) + INTERVAL ? MICROSECOND,'}
            finished_at = ${final ? 'UTC_TIMESTAMP(3)' : 'NULL'} WHERE id = ? AND claim_token = ?`,
    values: [
      one.task_status,
      one.retry,
      ...(keeps ? [] : [fitted(one.error_message, width)]),
      ...(one.due_in_s === undefined ? [] : [Math.round(one.due_in_s * 1e6)]),
      one.finish.task_id,
      one.finish.claim_token,
    ],
    expect: 1,
  };
}

/** The row of such an attempt, where it has one. */
export function endAttempt(names: TableNames, one: RecordedEnd, { error_message: width }: TextWidths): Statement {
  return {
    sql: `UPDATE ${names.assignment} SET status = ?, completed_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3),
            error_message = ?, error_class = ?, cause = ?,
            started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND) WHERE id = ? AND claim_token = ?`,
    values: [
      one.assignment_status,
      fitted(one.error_message, width),
      one.error_class,
      one.cause,
      microseconds(one.finish.age_ms),
      one.record.assignment_id,
      one.finish.claim_token,
    ],
    expect: 1,
  };
}

/**
 * The rows of deferred claims that end now, whole. Under the locks of their tasks, which lose their inline claim in the same
 * transaction. 1062 on UNIQUE (task_id, attempt) = the ids of the task table repeat (repair-attempts.ts).
 */
export function insertEndedAttempts(names: TableNames, ending: Ending, ended: EndedAttempt[]): Statement {
  const { rows, failures } = endedRows(ending, ended);
  return {
    sql: `INSERT INTO ${names.assignment} (task_id, device_id, assigned_at, started_at, completed_at, status, retry_count,
            attempt, claim_token, instance_token, deadline_at, result${failures ? ', error_message, error_class, cause' : ''})
          VALUES ${rows}`,
    values: [],
    expect: ended.length,
  };
}

/** An attempt of this worker whose task another program has changed: the task stays as it is, but for the inline claim. */
export function clearInlineClaim(names: TableNames, taskId: number, token: Buffer): Statement {
  return {
    sql: `UPDATE ${names.task} SET ${NO_INLINE_CLAIM} WHERE id = ? AND claim_token = ?`,
    values: [taskId, token],
    expect: 1,
  };
}

/**
 * Writes the rows of deferred claims from their inline columns, by PRIMARY. One whose columns another program has touched gets
 * its row all the same. `status` lost, released = the attempt is over.
 */
export function materializeAttempts(
  names: TableNames,
  taskIds: number[],
  as: { status: 'assigned' | 'lost' | 'released'; cause: string | null; error_message?: string },
): Statement {
  const over = as.status === 'assigned' ? 'NULL' : 'UTC_TIMESTAMP(3)';
  return {
    sql: `INSERT INTO ${names.assignment} (task_id, device_id, assigned_at, completed_at, status, retry_count, attempt,
            claim_token, instance_token, deadline_at, cause, error_message)
          SELECT id, claimed_by, ${realTime('claimed_at')}, ${over}, ?, COALESCE(retry, 0), attempt,
            COALESCE(claim_token, REPEAT('\\0', 16)), claim_instance, COALESCE(${realTime('claim_deadline')}, UTC_TIMESTAMP(3)), ?, ?
          FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) AND claimed_by IS NOT NULL ORDER BY id`,
    values: [as.status, as.cause, as.error_message ?? null, taskIds],
    expect: taskIds.length,
  };
}

/** The end of an attempt that has a row. */
export type RecordedEnd = AttemptEnd & { record: { assignment_id: number } };

/** Whose claim it is. */
export interface ClaimOwner extends Omit<AttemptOwner, 'widths'> {
  claim_token: Buffer;
}

/** Another program may have left `attempt` at the end of its range. */
const NEXT_ATTEMPT = 'attempt = LEAST(attempt, 2147483646) + 1';

/** Pending rows that batch 1 has locked become this claim's; each attempt gets its row with its end. */
export function claimLockedTasksDeferred(names: TableNames, owner: ClaimOwner, tasks: ClaimedTask[]): Statement {
  const leases = new Set(tasks.map((one) => one.lease_s));
  const lease = leases.size === 1 ? '?' : `CASE id ${tasks.map(() => 'WHEN ? THEN ?').join(' ')} END`;
  return {
    sql: `UPDATE ${names.task} SET status = 'running', ${NEXT_ATTEMPT}, claim_token = ?, claimed_by = ?,
            claim_instance = ?, claimed_at = UTC_TIMESTAMP(3), claim_deadline = UTC_TIMESTAMP(3) + INTERVAL ${lease} SECOND,
            target_device_id = NULL, target_until = NULL, updated_at = NOW(3) WHERE id IN (?)`,
    values: [
      owner.claim_token,
      owner.device_id,
      owner.instance_token,
      ...(leases.size === 1 ? leases : tasks.flatMap((one) => [one.id, one.lease_s])),
      tasks.map((one) => one.id),
    ],
    expect: tasks.length,
  };
}

/** The same for attempts that get their rows now, by the statement that follows. */
export function claimLockedTasks(names: TableNames, owner: ClaimOwner, tasks: ClaimedTask[]): Statement {
  return {
    sql: `UPDATE ${names.task} SET status = 'running', ${NEXT_ATTEMPT}, claim_token = ?, ${NO_INLINE_CLAIM},
            target_device_id = NULL, target_until = NULL, updated_at = NOW(3) WHERE id IN (?)`,
    values: [owner.claim_token, tasks.map((one) => one.id)],
    expect: tasks.length,
  };
}

export function insertAttempts(names: TableNames, owner: ClaimOwner, tasks: ClaimedTask[]): Statement {
  return {
    sql: `INSERT INTO ${names.assignment} (task_id, device_id, retry_count, attempt, claim_token, instance_token, deadline_at)
          VALUES ${tasks.map(() => '(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)').join(', ')}`,
    values: tasks.flatMap((one) => [
      one.id,
      owner.device_id,
      one.retry ?? 0,
      Math.min(one.attempt, 2147483646) + 1,
      owner.claim_token,
      owner.instance_token,
      one.lease_s,
    ]),
    expect: tasks.length,
  };
}

/**
 * The ids of the rows that were inserted just before: a server numbers the rows of one INSERT by steps of
 * auto_increment_increment, and Galera changes that within an open session when a node leaves or comes.
 */
export function readAttemptIds(names: TableNames, taskIds: number[], token: Buffer): Statement {
  return {
    sql: `SELECT id, task_id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id IN (?) AND claim_token = ?`,
    values: [taskIds, token],
  };
}

export const COMMIT: Statement = { sql: 'COMMIT', values: [] };

/** Attempts of one claim share a buffer. */
function tokensOf(ends: AttemptEnd[]): Buffer[] {
  return [...new Set(ends.map(({ finish }) => finish.claim_token))];
}

function fitted(text: string | null, width: TextWidth): string | null {
  return text === null ? null : fitText(text, width);
}
