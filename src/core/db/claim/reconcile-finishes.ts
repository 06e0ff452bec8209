// The first half of the hot transaction: the locks of the attempts that have ended, and what each of them turns out to be.
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import {
  type AttemptEnd,
  type Finish,
  inlineClaim,
  type LockedAssignment,
  type LockedTask,
  type Reconciled,
  reconcile,
} from '../../domain/attempt/reconcile.ts';
import type { Result, Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { NO_INLINE_CLAIM } from './inline-claim.ts';
import { type AttemptOwner, type Ending, insertEnded } from './insert-ended.ts';
import type { Statement } from './statement.ts';

export interface ReconciledFinishes {
  /** The database's UTC, as it was read with the locks; '' when nothing was finished. */
  now: string;
  reconciled: Reconciled[];
  accepted: AttemptEnd[];
  /** Rows for attempts that are no longer mine and that nobody else will record. */
  lostRows: Statement[];
  /** Ids of the tasks of those. */
  lostTaskIds: Set<number>;
}

type Policy = Parameters<typeof reconcile>[3];

const ASSIGNMENT_COLUMNS = 'id, task_id, claim_token, status, revoked_at, revoke_outcome';

/** The locking reads of packet 1, behind the time of the end: tasks by id, then the rows of those attempts that have one, by id. */
export function finishLocks(names: TableNames, finishes: Finish[]): Array<{ sql: string; values: unknown[] }> {
  const known = finishes.flatMap((one) => one.assignment_id ?? []);
  return [
    ...(finishes.length === 0
      ? []
      : [
          { sql: 'SELECT UTC_TIMESTAMP(3) AS now', values: [] },
          {
            sql: `SELECT id, claim_token, status, retry, max_retry_count, target_device_id, attempt, claimed_by,
                    claimed_at, claim_deadline
                  FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) ORDER BY id FOR UPDATE`,
            values: [finishes.map((one) => one.task_id)],
          },
        ]),
    ...(known.length === 0 ? [] : [lockAssignments(names, known)]),
  ];
}

function lockAssignments(names: TableNames, ids: number[]) {
  return {
    sql: `SELECT ${ASSIGNMENT_COLUMNS} FROM ${names.assignment}
          FORCE INDEX (PRIMARY) WHERE id IN (?) ORDER BY id FOR UPDATE`,
    values: [ids],
  };
}

/**
 * Judges every attempt by its locked rows. An attempt that was claimed lightly, and whose task does not bear the claim any
 * more, has been recorded by somebody (or by an earlier COMMIT of mine): its row is looked up, two round trips more.
 * @throws DatabaseError
 */
export async function reconcileFinishes(
  session: Session,
  names: TableNames,
  { policy, ...owner }: AttemptOwner & { policy: Policy },
  finishes: Finish[],
  locked: Result[],
): Promise<ReconciledFinishes> {
  const now = String(locked[0]?.[0]?.now ?? '');
  const tasks = new Map((locked[1] as unknown as LockedTask[] | undefined)?.map((row) => [row.id, row]));
  const rows = (locked[2] ?? []) as unknown as LockedAssignment[];
  const assignments = new Map(rows.map((row) => [row.id, row]));
  // By its id only if that is the row of this task: an end must never be booked on another's attempt.
  const rowOf = ({ assignment_id, task_id }: Finish) => {
    const row = assignment_id === null ? undefined : assignments.get(assignment_id);
    return row?.task_id === task_id ? row : undefined;
  };
  const unfound = finishes.filter(
    (one) => rowOf(one) === undefined && inlineClaim(one, tasks.get(one.task_id)) === undefined,
  );
  const found = unfound.length === 0 ? [] : await materializedMeanwhile(session, names, unfound);
  const byClaim = new Map(found.map((row) => [attemptKey(row), row]));
  const reconciled = finishes.map((one) =>
    reconcile(
      one,
      tasks.get(one.task_id),
      rowOf(one) ?? (found.length === 0 ? undefined : byClaim.get(attemptKey(one))),
      policy,
    ),
  );
  return {
    now,
    reconciled,
    accepted: reconciled.flatMap((one) => (one.kind === 'accepted' ? [one.end] : [])),
    lostTaskIds: new Set(
      reconciled.flatMap((one) => (one.kind === 'lost' && one.inline !== undefined ? [one.finish.task_id] : [])),
    ),
    lostRows: reconciled.flatMap((one) =>
      one.kind === 'lost' && one.inline !== undefined ? lost(names, { ...owner, now }, one) : [],
    ),
  };
}

async function materializedMeanwhile(
  session: Session,
  names: TableNames,
  finishes: Finish[],
): Promise<LockedAssignment[]> {
  // The ids without a lock, since locks on these rows are taken by PRIMARY alone: a row never changes its task or token.
  const found = await session.rows<{ id: number }>(
    `SELECT id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id IN (?) AND claim_token IN (?)`,
    [finishes.map((one) => one.task_id), finishes.map((one) => one.claim_token)],
  );
  if (found.length === 0) return [];
  const { sql, values } = lockAssignments(
    names,
    found.map((row) => row.id),
  );
  return (await session.rows<Row>(sql, values)) as unknown as LockedAssignment[];
}

function lost(
  names: TableNames,
  ending: Ending,
  { finish, inline: deferred, reason }: Reconciled & { kind: 'lost' },
): Statement[] {
  if (deferred === undefined) return [];
  const { task_id, claim_token, age_ms } = finish;
  const end = {
    assignment_status: 'lost' as const,
    result: null,
    error_message: reason,
    error_class: null,
    cause: 'foreign',
  };
  return [
    {
      sql: `UPDATE ${names.task} SET ${NO_INLINE_CLAIM} WHERE id = ?`,
      values: [task_id],
      expect: 1,
    },
    insertEnded(names, ending, [{ ...deferred, ...end, task_id, claim_token, age_ms }]),
  ];
}
