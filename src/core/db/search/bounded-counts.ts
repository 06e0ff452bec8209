// Counts that stop: a count that ends at 10,000 takes a millisecond, however many there are. Without a lock; each reads one range
// of one index. Rows `{ kind, n }`, in the order of the kinds; n is at most `most` + 1.
import type { TaskStatus } from '../../domain/task/task.ts';
import { stateIs } from '../claim-state.ts';
import type { TableNames } from '../table-names.ts';
import type { Statement } from './find-tasks.ts';

type Kind = readonly [tables: string, where: string, values: readonly unknown[]];

/** Tasks by status. */
export function statusCounts(names: TableNames, statuses: TaskStatus[], most: number): Statement {
  return counts(
    statuses.map((one) => [`${names.task} FORCE INDEX (afd_claim)`, stateIs(one), []]),
    most,
  );
}

/** What byDevice would read, by index. */
export function deviceCounts(names: TableNames, id: string, most: number): Statement {
  const running = [`${names.task} FORCE INDEX (afd_claim)`, stateIs('running'), []] as const;
  const ran = [`${names.assignment} FORCE INDEX (idx_device_id)`, 'device_id = ?', [id]] as const;
  const directed = [`${names.task} FORCE INDEX (afd_target)`, 'target_device_id = ?', [id]] as const;
  return counts([ran, directed, running], most);
}

/** What byBatch would read. */
export function batchCount(names: TableNames, id: number, most: number): Statement {
  return counts([[`${names.task} FORCE INDEX (afd_batch)`, 'batch_id = ?', [id]]], most);
}

export function taskCount(names: TableNames, most: number): Statement {
  return counts([[`${names.task} FORCE INDEX (PRIMARY)`, 'TRUE', []]], most);
}

function counts(kinds: readonly Kind[], most: number): Statement {
  const one = ([tables, where]: Kind, n: number) =>
    `SELECT ${n} AS kind, COUNT(*) AS n FROM (SELECT 1 FROM ${tables} WHERE ${where} LIMIT ${most + 1}) AS k${n}`;
  return { sql: kinds.map(one).join(' UNION ALL '), values: kinds.flatMap(([, , values]) => values) };
}
