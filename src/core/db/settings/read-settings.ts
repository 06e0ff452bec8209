import { FLEET_KEYS, HOSTS_KEY } from '../../domain/fleet-keys.ts';
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

/** No value of ours has as many characters; hosts have names of up to 255. What is cut is JSON no longer, and so is not valid. */
const LONGEST_VALUE = 256;
const LONGEST_HOSTS = 4096;

/**
 * Every value that the fleet shares, by name; a dozen rows, by PRIMARY, without a lock: each heartbeat reads them, so
 * rows that this version has no name for, and the rest of a long value, are not fetched. Zero rows = none is set yet:
 * each node's own values hold.
 */
export async function readSettings(session: Session, names: TableNames): Promise<SettingRow[]> {
  return (await session.rows(settingsStatement(names).sql)).map(settingRow);
}

export function settingsStatement(names: TableNames): { sql: string } {
  const known = [...FLEET_KEYS, HOSTS_KEY].map((key) => `'${key}'`).join(', ');
  return {
    sql: `SELECT name, LEFT(value, IF(name = '${HOSTS_KEY}', ${LONGEST_HOSTS}, ${LONGEST_VALUE})) AS value, updated_at, updated_by FROM ${names.setting}
          WHERE name IN (${known}) ORDER BY name`,
  };
}

/** The members of the database that the fleet names; none = it names none. */
export function namedHosts(rows: readonly SettingRow[]): string[] {
  const value = rows.find((row) => row.name === HOSTS_KEY)?.value;
  return typeof value === 'string' ? value.split(',') : [];
}

export function settingRow(row: Row): SettingRow {
  return {
    name: String(row.name),
    value: fromJson(row.value),
    updated_at: utcToIso(row.updated_at),
    updated_by: row.updated_by,
  };
}
