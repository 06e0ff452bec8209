/** Counts of a write, as the server gave them. `affectedRows` counts matched rows (FOUND_ROWS). */
export interface WriteResult {
  affectedRows: number;
  insertId: number;
}

// biome-ignore lint/suspicious/noExplicitAny: a row's shape is stated by the query that asks for it
export type Row = Record<string, any>;
/** One result of a batch: rows of a SELECT, or the counts of a write. */
export type Result = Row[] & WriteResult;
