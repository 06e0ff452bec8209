// Ids of the tasks that one submitter has added, newest first, without a lock. A statement reads a bounded number of rows of the owner by
// the PRIMARY of the owners, and the task of each by its PRIMARY, whatever else is asked for. Zero rows: none fits there.
import { SAME } from '../access/task-owners.ts';
import type { TableNames } from '../table-names.ts';
import type { Statement } from './find-tasks.ts';
import { searchConditions, type TaskSearch } from './task-search.ts';

/** The `rows` tasks of the owner with the highest ids below `before`. */
export interface OwnStretch {
  owner: string;
  before: number;
  rows: number;
}

/** At most `limit` of them that fit. */
export function inOwnStretch(
  names: TableNames,
  search: Omit<TaskSearch, 'owner'>,
  { limit, ...stretch }: OwnStretch & { limit: number },
): Statement {
  const { sql, values } = searchConditions(names, search);
  const of = rowsOf(names, stretch);
  return {
    sql: `SELECT t.id FROM (${of.sql}) o STRAIGHT_JOIN ${names.task} t FORCE INDEX (PRIMARY) ON ${SAME}
      WHERE TRUE${sql} ORDER BY o.task_id DESC LIMIT ?`,
    values: [...of.values, ...values, limit],
  };
}

/** How many rows the stretch has, and its lowest id. */
export function endOfOwnStretch(names: TableNames, stretch: OwnStretch): Statement {
  const of = rowsOf(names, stretch);
  return { sql: `SELECT COUNT(*) AS n, MIN(o.task_id) AS id FROM (${of.sql}) o`, values: of.values };
}

/** And how many of them have a task: `{ n, tasks }`. */
export function countOwnStretch(names: TableNames, stretch: OwnStretch): Statement {
  const of = rowsOf(names, stretch);
  return {
    sql: `SELECT COUNT(*) AS n, COUNT(t.id) AS tasks FROM (${of.sql}) o
      LEFT JOIN ${names.task} t FORCE INDEX (PRIMARY) ON ${SAME}`,
    values: of.values,
  };
}

function rowsOf(names: TableNames, { owner, before, rows }: OwnStretch): Statement {
  return {
    sql: `SELECT task_id, task_created_at FROM ${names.taskOwner} FORCE INDEX (PRIMARY)
      WHERE owner = ? AND task_id < ? ORDER BY task_id DESC LIMIT ?`,
    values: [owner, before, rows],
  };
}
