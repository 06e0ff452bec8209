import { type ProgressRecord, remaining } from '../../domain/task/progress.ts';
import { fromJsonObject, utcToIso } from '../rows.ts';
import type { Row } from '../session.ts';

/** Columns of the progress table `p`, which is joined by its primary key. */
export const PROGRESS_COLUMNS = `p.updated_at AS p_updated_at, p.done, p.total, p.message, p.metrics, p.peak_memory, p.cpu_ms,
  p.begun_done, TIMESTAMPDIFF(MICROSECOND, p.begun_at, p.updated_at) / 1000000 AS p_elapsed,
  TIMESTAMPDIFF(MICROSECOND, p.updated_at, UTC_TIMESTAMP(3)) / 1000000 AS p_age`;

/** `row` has PROGRESS_COLUMNS; `open` = the attempt runs. Null = it has reported nothing. */
export function progressRecord(row: Row, open: boolean): ProgressRecord | null {
  if (row.p_updated_at === null || row.p_updated_at === undefined) return null;
  const { done, total, begun_done, p_elapsed: elapsed, p_age: age } = row;
  return {
    done,
    total,
    message: row.message,
    remaining: open ? remaining({ done, total, begun_done, elapsed, age }) : null,
    metrics: fromJsonObject(row.metrics),
    peak_memory: row.peak_memory,
    cpu_ms: row.cpu_ms,
    updated_at: utcToIso(row.p_updated_at),
  };
}
