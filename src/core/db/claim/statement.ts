/** One write of the closing packet of a transaction. */
export interface Statement {
  sql: string;
  values: unknown[];
  /** Rows that the statement must touch; another count is a bug. Absent = a read. */
  expect?: number;
}
