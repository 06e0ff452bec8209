// The values that all nodes share, as a gateway shows and changes them.

import { audited } from '../audit/audited.ts';
import { RANGES } from '../config/config-keys.ts';
import type { Config } from '../config/config-schema.ts';
import { dangers } from '../config/config-warnings.ts';
import { setValue } from '../config/dotted.ts';
import { checkedValue } from '../config/fleet-keys.ts';
import type { Context } from '../context/context.ts';
import { changeSettings } from '../db/settings/change-settings.ts';
import { readSettings } from '../db/settings/read-settings.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { FLEET_KEYS } from '../domain/fleet-keys.ts';
import type { SettingChange } from './apply-settings.ts';
import { settingEntries } from './setting-entries.ts';

export interface FleetValue {
  key: string;
  /** Null = the fleet has none: each node's own value holds. */
  value: unknown;
  updated_at: string | null;
  updated_by: string | null;
}

/** All of them, in the order of the configuration. @throws DatabaseError */
export async function fleetValues(context: Context): Promise<FleetValue[]> {
  const rows = new Map((await readSettings(await context.session(), context.names)).map((row) => [row.name, row]));
  return FLEET_KEYS.map((key) => {
    const { value = null, updated_at = null, updated_by = null } = rows.get(key) ?? {};
    return { key, value, updated_at, updated_by };
  });
}

export interface ChangedValues {
  changes: SettingChange[];
  /** What is dangerous about the new values. */
  warnings: string[];
}

export interface ValueChanges {
  values: Record<string, unknown>;
  /** Values of before, as they were seen; null = none. Absent = any. */
  expect: Record<string, unknown>;
  by: Actor;
}

/** All of them, or none. @throws AfdError E_USAGE for a key or value that cannot be, E_CONFLICT; DatabaseError */
export async function changeFleetValues(
  context: Context,
  { values, expect, by }: ValueChanges,
): Promise<ChangedValues> {
  const checked = new Map(Object.entries(values).map(([key, value]) => [key, valid(key, value)]));
  for (const key of Object.keys(expect)) assertKey(key);
  const session = await context.session();
  const keys = [...new Set([...checked.keys(), ...Object.keys(expect)])];
  const check = (before: ReadonlyMap<string, unknown>) => {
    const other = Object.keys(expect).filter((key) => (before.get(key) ?? null) !== expect[key]);
    if (other.length === 0) return;
    const now = other.map((key) => `${key} is ${JSON.stringify(before.get(key) ?? null)}`).join(', ');
    const data = { values: Object.fromEntries(other.map((key) => [key, before.get(key) ?? null])) };
    throw new AfdError('E_CONFLICT', `The settings have changed: ${now}.`, { suggestions: ['afd config show'], data });
  };
  const { names } = context;
  const change = () => changeSettings(session, names, keys, { values: checked, by: saidBy(by), check });
  const before = await audited({ session, names }, by, change, (then) => settingEntries(then, checked));
  const rows = [...checked].filter(([key, to]) => before.get(key) !== to);
  const changes = rows.map(([key, to]) => ({ key, from: before.get(key) ?? null, to, from_by: null }));
  const after = structuredClone(context.config) as Config;
  for (const [key, value] of checked) setValue(after, key, value);
  const warnings = dangers(after, undefined).filter((sentence) =>
    [...checked.keys()].some((key) => sentence.includes(key)),
  );
  return { changes, warnings };
}

function assertKey(key: string): void {
  if ((FLEET_KEYS as readonly string[]).includes(key)) return;
  throw new AfdError('E_USAGE', `"${key}" is not a fleet-wide setting (they are: ${FLEET_KEYS.join(', ')}).`, {
    suggestions: ['afd config show'],
  });
}

function valid(key: string, value: unknown): unknown {
  assertKey(key);
  const read = checkedValue(key, value);
  if (read !== undefined) return read;
  const range = RANGES.get(key);
  throw new AfdError(
    'E_USAGE',
    `${JSON.stringify(value)} is not a value of ${key}${range === undefined ? '' : ` (allowed: ${range})`}.`,
    {
      suggestions: ['afd config show'],
    },
  );
}
