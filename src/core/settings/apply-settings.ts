// `afd config apply`: makes what this configuration says the fleet's.

import { audited } from '../audit/audited.ts';
import type { Config } from '../config/config-schema.ts';
import { dangers } from '../config/config-warnings.ts';
import { setValue } from '../config/dotted.ts';
import type { Context } from '../context/context.ts';
import { changeSettings } from '../db/settings/change-settings.ts';
import { readSettings } from '../db/settings/read-settings.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import { HOSTS_KEY } from '../domain/fleet-keys.ts';
import { publishedHosts } from '../writer/members.ts';
import { settingEntries } from './setting-entries.ts';

export interface SettingChange {
  key: string;
  /** Null = the fleet had none. */
  from: unknown;
  to: unknown;
  /** Who wrote the value of before. */
  from_by: string | null;
}

export interface AppliedSettings {
  /** True = nothing was written. */
  dry_run: boolean;
  changes: SettingChange[];
  /** Keys that are given here and are the fleet's already. */
  unchanged: string[];
  /** What is dangerous about the values given here, together with this machine's others. */
  warnings: string[];
}

/**
 * Writes the fleet-wide values that are given here, by file, environment or flag; a default is no wish, and what is not
 * given stays as it is. All of them at once. @throws DatabaseError, AfdError E_SCHEMA
 */
export async function applySettings(
  context: Context,
  { dryRun, by }: { dryRun: boolean; by: Actor },
): Promise<AppliedSettings> {
  const session = await context.session();
  const before = new Map((await readSettings(session, context.names)).map((row) => [row.name, row]));
  const own = [...context.fleet.own].filter(([, { origin }]) => origin !== 'default');
  const hosts = publishedHosts(context.address);
  const given = [
    ...own.map(([key, { value }]) => [key, value] as const),
    ...(hosts === undefined ? [] : [[HOSTS_KEY, hosts] as const]),
  ];
  const changes: SettingChange[] = [];
  const unchanged: string[] = [];
  for (const [key, value] of given) {
    const row = before.get(key);
    if (row !== undefined && row.value === value) unchanged.push(key);
    else changes.push({ key, from: row?.value ?? null, to: value, from_by: row?.updated_by ?? null });
  }
  if (!dryRun && changes.length > 0) {
    const { names } = context;
    const values = new Map(changes.map(({ key, to }) => [key, to]));
    const write = () => changeSettings(session, names, [...values.keys()], { values, by: saidBy(by), check() {} });
    await audited({ session, names }, by, write, (then) => settingEntries(then, values));
  }
  const after = structuredClone(context.config) as Config;
  for (const [key, { value }] of own) setValue(after, key, value);
  // Nothing changes in the rest of this machine's configuration, so only what the fleet's values are part of is
  // reported.
  const keys = own.map(([key]) => key);
  const warnings = dangers(after, undefined).filter((sentence) => keys.some((key) => sentence.includes(key)));
  return { dry_run: dryRun, changes, unchanged, warnings };
}
