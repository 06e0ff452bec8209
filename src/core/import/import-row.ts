export type RowContent = { fields: { [name: string]: unknown } } | { problem: string };

/** A row of an import, from the line on which it begins to its last one; `bytes` of the input that it takes. */
export type ImportRow = { line: number; last: number; bytes: number } & RowContent;
