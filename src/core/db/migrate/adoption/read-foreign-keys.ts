import type { Ask } from '../../server-facts.ts';

export interface ForeignKey {
  name: string;
  table: string;
  column: string;
  parent: string;
  /** Column of the parent. */
  key: string;
}

/** Foreign keys of a table, and those of others that refer to it; one entry per column. */
export async function foreignKeysOf(ask: Ask, table: string): Promise<ForeignKey[]> {
  const rows = await ask(
    `SELECT CONSTRAINT_NAME AS name, TABLE_NAME AS child, COLUMN_NAME AS col, REFERENCED_TABLE_NAME AS parent,
            REFERENCED_COLUMN_NAME AS parent_col
     FROM information_schema.KEY_COLUMN_USAGE
     WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL AND (TABLE_NAME = ? OR REFERENCED_TABLE_NAME = ?)
     ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION`,
    [table, table],
  );
  return rows.map((row) => ({
    name: String(row.name),
    table: String(row.child),
    column: String(row.col),
    parent: String(row.parent),
    key: String(row.parent_col),
  }));
}
