import { fromJson, utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface SettingRow {
  /** Dotted key of the configuration. */
  name: string;
  value: unknown;
  updated_at: string | null;
  updated_by: string | null;
}

/**
 * Every value that the fleet shares, by name; a dozen rows, in the order of PRIMARY, without a lock. Zero rows = nobody has
 * written any yet: each node's own values hold.
 */
export async function readSettings(session: Session, names: TableNames): Promise<SettingRow[]> {
  const rows = await session.rows<Record<'name' | 'value' | 'updated_at' | 'updated_by', string | null>>(
    `SELECT name, value, updated_at, updated_by FROM ${names.setting} ORDER BY name`,
  );
  return rows.map((row) => ({
    name: String(row.name),
    value: fromJson(row.value),
    updated_at: utcToIso(row.updated_at),
    updated_by: row.updated_by,
  }));
}
