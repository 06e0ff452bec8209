// Every stored figure against what the stub knows. Both sides are lists, not maps: a row that is there twice shows.
import type { Connection, RowDataPacket } from 'mysql2/promise';

const KEY = ['account', 'app_id', 'date', 'report', 'country', 'agency', 'media_source', 'campaign'] as const;

export interface DataRecord extends Record<(typeof KEY)[number], string> {
  figures: Record<string, string | null>;
  extra: Record<string, string>;
}

export interface Comparison {
  rows_expected: number;
  rows_stored: number;
  /** Single values that were compared. */
  figures: number;
  missing: string[];
  unexpected: string[];
  doubled: string[];
  different: { row: string; column: string; expected: string | null; stored: string | null }[];
}

export function compareRecords(expected: DataRecord[], stored: DataRecord[]): Comparison {
  const found = new Map<string, DataRecord>();
  const doubled: string[] = [];
  for (const record of stored) {
    const key = keyOf(record);
    if (found.has(key)) doubled.push(key);
    else found.set(key, record);
  }
  const comparison: Comparison = {
    rows_expected: expected.length,
    rows_stored: stored.length,
    figures: 0,
    missing: [],
    unexpected: [],
    doubled,
    different: [],
  };
  for (const record of expected) {
    const key = keyOf(record);
    const twin = found.get(key);
    found.delete(key);
    if (twin === undefined) {
      comparison.missing.push(key);
      continue;
    }
    const wanted = valuesOf(record);
    const given = valuesOf(twin);
    for (const column of new Set([...Object.keys(wanted), ...Object.keys(given)])) {
      comparison.figures += 1;
      const [left, right] = [wanted[column] ?? null, given[column] ?? null];
      if (left !== right) comparison.different.push({ row: key, column, expected: left, stored: right });
    }
  }
  comparison.unexpected = [...found.keys()];
  return comparison;
}

export function isComplete(comparison: Comparison): boolean {
  const { missing, unexpected, doubled, different } = comparison;
  return missing.length + unexpected.length + doubled.length + different.length === 0;
}

/** All rows of af_data. */
export async function storedRecords(connection: Connection, table: string): Promise<DataRecord[]> {
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT * FROM ${table}`);
  return rows.map(({ task_id: _task, attempt: _attempt, synced_at: _time, extra, ...row }) => {
    const figures = Object.entries(row).filter(([column]) => !(KEY as readonly string[]).includes(column));
    return {
      ...(Object.fromEntries(KEY.map((column) => [column, String(row[column])])) as Record<
        (typeof KEY)[number],
        string
      >),
      figures: Object.fromEntries(figures.map(([column, value]) => [column, value === null ? null : String(value)])),
      extra: extra === null ? {} : typeof extra === 'string' ? JSON.parse(extra) : extra,
    };
  });
}

/** `0012.3400` and `12.34` are one number. Never through floating point. */
export function plainDecimal(text: string): string {
  const match = /^([+-]?)0*(\d+?)(?:\.(\d*?)0*)?$/.exec(text);
  if (match === null) return text;
  const [, sign, whole, rest] = match;
  const digits = rest ? `${whole}.${rest}` : whole!;
  return sign === '-' && digits !== '0' ? `-${digits}` : digits;
}

function keyOf(record: DataRecord): string {
  return JSON.stringify(KEY.map((column) => record[column]));
}

function valuesOf(record: DataRecord): Record<string, string | null> {
  const figures = Object.entries(record.figures).map(([name, value]) => [
    name,
    value === null ? null : plainDecimal(value),
  ]);
  const extra = Object.entries(record.extra).map(([name, value]) => [`extra: ${name}`, value]);
  return Object.fromEntries([...figures, ...extra]);
}
