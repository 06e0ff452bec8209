/** A row of an import, from the line on which it begins to its last one. */
export type ImportRow = { line: number; last: number } & ({ fields: Record<string, unknown> } | { problem: string });

/** The problem of a row whose bytes are another encoding's. */
export const NOT_UTF8 = 'not UTF-8';
