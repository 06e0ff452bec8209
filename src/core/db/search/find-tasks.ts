// Ids of tasks that fit a search, newest first, without a lock. Each statement reads one range of one index: the key of
// afd_dedupe, the states of afd_claim (only while few tasks are in them: it sorts), what a device has run (idx_device_id, with
// the same reservation), the tasks of a batch (afd_batch, likewise), or a stretch of PRIMARY. Zero rows: none fits there.
import { stateIs } from '../claim-state.ts';
import type { TableNames } from '../table-names.ts';
import { searchConditions, type TaskSearch } from './task-search.ts';

export interface Statement {
  sql: string;
  values: unknown[];
}

/** Ids below `before`, at most `limit`. */
export interface Window {
  before: number;
  limit: number;
}

export function byDedupeKey(names: TableNames, search: TaskSearch, window: Window): Statement {
  return from(`${names.task} t FORCE INDEX (afd_dedupe)`, names, search, window);
}

export function byBatch(names: TableNames, search: TaskSearch, window: Window): Statement {
  return from(`${names.task} t FORCE INDEX (afd_batch)`, names, search, window);
}

export function byStatus(names: TableNames, search: TaskSearch, window: Window): Statement {
  return from(`${names.task} t FORCE INDEX (afd_claim)`, names, search, window);
}

export function byDevice(names: TableNames, search: TaskSearch & { device_id: string }, window: Window): Statement {
  const { device_id: id, ...others } = search;
  // Each with the last attempt that ran there, so that no attempt is looked up again; -1 = none did.
  const candidates = `(SELECT id, MAX(attempt) AS attempt FROM (
     SELECT task_id AS id, attempt FROM ${names.assignment} FORCE INDEX (idx_device_id) WHERE device_id = ?
     UNION ALL SELECT id, -1 FROM ${names.task} FORCE INDEX (afd_target) WHERE target_device_id = ?
     UNION ALL SELECT id, -1 FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${stateIs('running')} AND claimed_by = ?
   ) every GROUP BY id) c`;
  // By the id of the candidates: these are sorted before the join, which then stops when it has enough.
  const tables = `${candidates} STRAIGHT_JOIN ${names.task} t FORCE INDEX (PRIMARY) ON t.id = c.id
    AND (t.attempt = c.attempt OR t.target_device_id = ? OR t.claimed_by = ?)`;
  const found = from(tables, names, others, window, { key: 'c.id' });
  return { sql: found.sql, values: [id, id, id, id, id, ...found.values] };
}

/** The tasks of one stretch: ids from `from` on. */
export function inStretch(
  names: TableNames,
  search: TaskSearch,
  { from: least, ...window }: Window & { from: number },
): Statement {
  return from(`${names.task} t FORCE INDEX (PRIMARY)`, names, search, window, { least });
}

/** The newest id below this one: what is missing between two stretches is not read. */
export function newestBelow(names: TableNames, id: number): Statement {
  return { sql: `SELECT MAX(id) AS id FROM ${names.task} WHERE id < ?`, values: [id] };
}

function from(
  tables: string,
  names: TableNames,
  search: TaskSearch,
  window: Window,
  { key = 't.id', least }: { key?: string; least?: number } = {},
): Statement {
  const { sql, values } = searchConditions(names, search);
  const floor = least === undefined ? '' : ` AND ${key} >= ?`;
  return {
    sql: `SELECT t.id FROM ${tables} WHERE ${key} < ?${floor}${sql} ORDER BY ${key} DESC LIMIT ?`,
    values: [window.before, ...(least === undefined ? [] : [least]), ...values, window.limit],
  };
}
