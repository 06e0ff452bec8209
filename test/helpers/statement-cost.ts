// What a statement costs, as the server counts it, and how it is to be executed.
import type { Row, Session } from '../../src/core/db/session.ts';

interface Statement {
  sql: string;
  values: unknown[];
}

/** Rows of EXPLAIN. MySQL 9 would answer with a tree otherwise; MariaDB does not know the word. */
export function planOf(session: Session, { sql, values }: Statement): Promise<Row[]> {
  return session.rows(`EXPLAIN ${session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL'} ${sql}`, values);
}

/** Rows that came, rows that were sorted, and entries that were read. */
export async function costOf(session: Session, { sql, values }: Statement) {
  const before = await counters(session);
  const rows = await session.rows(sql, values);
  const after = await counters(session);
  const spent = (name: RegExp) =>
    [...after].filter(([key]) => name.test(key)).reduce((sum, [key, value]) => sum + value - (before.get(key) ?? 0), 0);
  return { rows: rows.length, sorted: spent(/^Sort_rows/), reads: spent(/^Handler_read/) };
}

async function counters(session: Session): Promise<Map<string, number>> {
  const rows = await session.rows(
    "SHOW SESSION STATUS WHERE Variable_name LIKE 'Sort%' OR Variable_name LIKE 'Handler_read%'",
  );
  return new Map(rows.map((one) => [String(one.Variable_name), Number(one.Value)]));
}

/** What an INSERT … SELECT of so many rows, at most 10,000, selects from: `a.n` to `d.n` are the digits of each. */
export function manyRows(count: number): string {
  const digit = `(SELECT 0 AS n ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `UNION ALL SELECT ${n}`).join(' ')})`;
  const number = 'a.n * 1000 + b.n * 100 + c.n * 10 + d.n';
  return `${digit} a, ${digit} b, ${digit} c, ${digit} d WHERE ${number} < ${count}`;
}
