/** A row of an import, from the line on which it begins to its last one. */
export type ImportRow = { line: number; last: number } & ({ fields: Record<string, unknown> } | { problem: string });
