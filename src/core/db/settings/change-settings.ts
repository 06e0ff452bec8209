// Invariant: values are written only if the fleet's are those that were seen: rows are locked by PRIMARY in the order of their names,
// compared, and written in the same transaction. A row that does not exist cannot be locked: of two writers that both add it,
// the last one's value stays. Zero rows: the fleet has none of them.
import { fromJson } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { writeSettings } from './write-settings.ts';

export interface SettingChanges {
  values: ReadonlyMap<string, unknown>;
  by: string;
  /** Judges the values of before, by key; throws to change nothing. */
  check(before: ReadonlyMap<string, unknown>): void;
}

/** The values of before. @throws what `check` throws; DatabaseError */
export async function changeSettings(
  session: Session,
  names: TableNames,
  keys: string[],
  { values, by, check }: SettingChanges,
): Promise<Map<string, unknown>> {
  return transaction(session, async () => {
    const rows = await session.rows<{ name: string; value: string }>(
      `SELECT name, LEFT(value, 256) AS value FROM ${names.setting} FORCE INDEX (PRIMARY) WHERE name IN (?) ORDER BY name FOR UPDATE`,
      [keys],
    );
    const before = new Map(rows.map((row) => [row.name, fromJson(row.value)]));
    check(before);
    await writeSettings(session, names, values, { by, existing: 'replace' });
    return before;
  });
}
