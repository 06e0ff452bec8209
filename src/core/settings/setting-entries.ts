// What the audit log says of changed settings: a row for each.
import type { AuditEntry } from '../domain/audit/audit-row.ts';

export function settingEntries(
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
): AuditEntry[] {
  return [...after]
    .filter(([key, value]) => before.get(key) !== value)
    .map(([key, value]) => ({
      ...{ action: 'settings.set', object_type: 'setting', object_id: key },
      ...(before.has(key) ? { before: before.get(key) } : {}),
      after: value,
    }));
}
