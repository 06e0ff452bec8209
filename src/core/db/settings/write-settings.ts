import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * Writes values that the fleet shares, all in one statement, so that no node ever reads half of them. `keep`: rows that
 * exist stay untouched, whatever wrote them in the meantime; `replace`: the last writer's values stay. By PRIMARY, in
 * the order of the names, so that two writers cannot wait for each other. An empty set writes nothing.
 */
export async function writeSettings(
  session: Session,
  names: TableNames,
  values: ReadonlyMap<string, unknown>,
  { by, existing }: { by: string; existing: 'keep' | 'replace' },
): Promise<void> {
  if (values.size === 0) return;
  const rows = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  const update =
    existing === 'keep'
      ? 'name = VALUES(name)'
      : 'value = VALUES(value), updated_at = VALUES(updated_at), updated_by = VALUES(updated_by)';
  await session.write(
    `INSERT INTO ${names.setting} (name, value, updated_at, updated_by)
     VALUES ${rows.map(() => '(?, ?, UTC_TIMESTAMP(3), ?)').join(', ')}
     ON DUPLICATE KEY UPDATE ${update}`,
    rows.flatMap(([name, value]) => [name, JSON.stringify(value), by.slice(0, 128)]),
  );
}
