export type RowContent = { fields: { [name: string]: unknown } } | { problem: string };

/** A row of an import, from the line on which it begins to its last one; `bytes` of the input that it takes. */
export type ImportRow = { line: number; last: number; bytes: number } & RowContent;

/** The problem of a row whose bytes are another encoding's. */
export const NOT_UTF8 = 'not UTF-8';
