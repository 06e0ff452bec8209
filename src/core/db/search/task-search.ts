// The conditions of a search over the task table `t`. Whatever they are, a statement with them reads one bounded range of an
// index that its caller has chosen: none of them may widen it.
import type { TaskStatus } from '../../domain/task/task.ts';
import { stateIs } from '../claim-state.ts';
import { isoToUtc } from '../rows.ts';
import type { TableNames } from '../table-names.ts';

/** Absent = any. Times are ISO 8601; `_from` includes its moment, `_to` does not. */
export interface TaskSearch {
  status?: TaskStatus[] | undefined;
  task_type?: string | undefined;
  username?: string | undefined;
  app_id?: string | undefined;
  priority?: number | undefined;
  /** Runs there, ran there last, or is directed there. */
  device_id?: string | undefined;
  parent_id?: number | undefined;
  batch_id?: number | undefined;
  dedupe_key?: string | undefined;
  /** The submitter who added it. */
  owner?: string | undefined;
  concurrency_key?: string | undefined;
  /** Text that the last error contains. */
  error?: string | undefined;
  created_from?: string | undefined;
  created_to?: string | undefined;
  finished_from?: string | undefined;
  finished_to?: string | undefined;
}

export interface Conditions {
  /** Each begins with AND. */
  sql: string;
  values: unknown[];
}

const EQUAL = ['task_type', 'username', 'app_id', 'priority', 'parent_id', 'batch_id', 'concurrency_key'] as const;
/** FROM_UNIXTIME of MariaDB 10.11 answers NULL for a later moment. */
const LAST_S = 2_147_483_647;
/** Of a task that another program has ended, when it last changed. */
const ENDED = (own: string, zoned: string) =>
  `(t.finished_at ${own} OR (t.finished_at IS NULL AND t.status IN ('done', 'failed', 'cancelled') AND t.updated_at ${zoned}))`;

export function searchConditions(names: TableNames, search: TaskSearch): Conditions {
  const parts: string[] = [];
  const values: unknown[] = [];
  const add = (condition: string, ...given: unknown[]) => {
    parts.push(` AND ${condition}`);
    values.push(...given);
  };
  // Not by `status`: afd_claim begins with claim_state, and has no other column for which a row would be read.
  if (search.status !== undefined) add(`(${search.status.map((one) => stateIs(one, 't')).join(' OR ')})`);
  for (const name of EQUAL) if (search[name] !== undefined) add(`t.${name} = ?`, search[name]);
  if (search.dedupe_key !== undefined) add('t.dedupe_key = ?', search.dedupe_key);
  if (search.device_id !== undefined) {
    const { device_id: id } = search;
    add(
      // Compared, not EXISTS: MariaDB would read every attempt of the table first.
      `(t.target_device_id = ? OR t.claimed_by = ? OR (SELECT a.device_id FROM ${names.assignment} a
         FORCE INDEX (idx_task_id) WHERE a.task_id = t.id AND a.attempt = t.attempt) = ?)`,
      ...[id, id, id],
    );
  }
  if (search.owner !== undefined)
    add(
      `(SELECT o.task_created_at <=> t.created_at FROM ${names.taskOwner} o FORCE INDEX (PRIMARY)
         WHERE o.owner = ? AND o.task_id = t.id) = 1`,
      search.owner,
    );
  if (search.error !== undefined) add('LOCATE(?, t.last_error) > 0', search.error);
  const seconds = (iso: string) => Math.min(LAST_S, Math.max(0, Date.parse(iso) / 1000));
  if (search.created_from !== undefined) add('t.created_at >= FROM_UNIXTIME(?)', seconds(search.created_from));
  if (search.created_to !== undefined) add('t.created_at < FROM_UNIXTIME(?)', seconds(search.created_to));
  for (const [given, sign] of [
    [search.finished_from, '>='],
    [search.finished_to, '<'],
  ] as const)
    if (given !== undefined) add(ENDED(`${sign} ?`, `${sign} FROM_UNIXTIME(?)`), isoToUtc(given), seconds(given));
  return { sql: parts.join(''), values };
}
