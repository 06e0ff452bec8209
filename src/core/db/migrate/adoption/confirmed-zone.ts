// The confirmed zone of an adopted task table: one row of af_setting, so that a node whose session has another one is
// refused instead of running everything hours early or late.

import type { Ask } from '../../server-facts.ts';
import type { TableNames } from '../../table-names.ts';
import type { Migrating } from './migrating.ts';

/** Its name in af_setting. */
export const ZONE_SETTING = 'task_table.time_zone';

/** undefined = not confirmed; so it is for a task table that afd made. */
export async function confirmedZone(ask: Ask, names: TableNames): Promise<string | undefined> {
  const there = await ask(
    'SELECT 1 AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?',
    [names.plain.setting],
  );
  if (there.length === 0) return undefined;
  const [row] = await ask(`SELECT JSON_UNQUOTE(value) AS zone FROM ${names.setting} WHERE name = ?`, [ZONE_SETTING]);
  return row === undefined ? undefined : String(row.zone);
}

/** Does nothing when that is the confirmed zone already. */
export async function rememberZone(tools: Migrating, zone: string): Promise<void> {
  if ((await confirmedZone(tools.ask, tools.names)) === zone) return;
  // A zone is SYSTEM or an offset: checked, so it may stand in the statement that a dry run prints.
  await tools.run(
    `REPLACE INTO ${tools.names.setting} (name, value, updated_by) VALUES ('${ZONE_SETTING}', '"${zone}"', 'afd migrate')`,
  );
}
