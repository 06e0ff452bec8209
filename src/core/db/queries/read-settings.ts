import { fromJson, utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
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
  return (await session.rows(settingsStatement(names).sql)).map(settingRow);
}

export function settingsStatement(names: TableNames): { sql: string } {
  return { sql: `SELECT name, value, updated_at, updated_by FROM ${names.setting} ORDER BY name` };
}

export function settingRow(row: Row): SettingRow {
  return {
    name: String(row.name),
    value: fromJson(row.value),
    updated_at: utcToIso(row.updated_at),
    updated_by: row.updated_by,
  };
}
