// Which statements of batch 2 an end and a claim need.
import type { AttemptEnd } from '../../domain/attempt/reconcile.ts';
import type { TableNames } from '../table-names.ts';
import type { ClaimedTask } from './claimed-task.ts';
import type { EndedAttempt, Ending } from './ended-attempts.ts';
import {
  type ClaimOwner,
  claimLockedTasks,
  claimLockedTasksDeferred,
  completeAttempts,
  completeTasks,
  endAttempt,
  endTask,
  insertAttempts,
  insertEndedAttempts,
  materializeAttempts,
  type RecordedEnd,
  readAttemptIds,
  type Statement,
} from './statements.ts';

/**
 * One statement for the tasks of all completed attempts, one for each other task; one for the rows of completed attempts, one
 * for each other row, and one INSERT for all attempts that have no row yet.
 */
export function endStatements(names: TableNames, ending: Ending, ends: AttemptEnd[]): Statement[] {
  const done = ends.filter((one) => one.task_status === 'done');
  const others = ends.filter((one) => one.task_status !== 'done');
  const completed = done.filter(hasRow);
  const deferred = ends.filter(isDeferred);
  return [
    ...(done.length > 0 ? [completeTasks(names, done)] : []),
    ...(completed.length > 0 ? [completeAttempts(names, completed)] : []),
    ...others.flatMap((one) => [
      endTask(names, one, ending.widths),
      ...(hasRow(one) ? [endAttempt(names, one, ending.widths)] : []),
    ]),
    ...(deferred.length > 0 ? [insertEndedAttempts(names, ending, deferred)] : []),
  ];
}

function hasRow(end: AttemptEnd): end is RecordedEnd {
  return end.record.assignment_id !== null;
}

function isDeferred(end: AttemptEnd): end is AttemptEnd & EndedAttempt {
  return end.record.assignment_id === null;
}

/**
 * The tasks become running under one token. Each attempt gets its row, and the last statement reads the ids of those rows; a
 * deferred one gets it with its end, and stands on the task row until then. What a deferred claim left on a row that another
 * program has set back is materialized first.
 */
export function claimStatements(names: TableNames, owner: ClaimOwner, taken: ClaimedTask[]): Statement[] {
  const deferred = taken.filter((one) => one.deferred);
  const immediate = taken.filter((one) => !one.deferred);
  const left = taken.flatMap((one) => (one.claimed_by === null ? [] : [one.id]));
  const ids = immediate.map((one) => one.id);
  return [
    ...(left.length > 0 ? [materializeAttempts(names, left, { status: 'lost', cause: 'foreign' })] : []),
    ...(deferred.length > 0 ? [claimLockedTasksDeferred(names, owner, deferred)] : []),
    ...(immediate.length > 0
      ? [
          claimLockedTasks(names, owner, immediate),
          insertAttempts(names, owner, immediate),
          readAttemptIds(names, ids, owner.claim_token),
        ]
      : []),
  ];
}
