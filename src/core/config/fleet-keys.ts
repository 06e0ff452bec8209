// The values that all nodes share live in af_setting under their dotted keys, and the database wins over every node's file.

import { FLEET_KEYS } from '../domain/fleet-keys.ts';
import { type Config, configSchema } from './config-schema.ts';
import { getValue, setValue } from './dotted.ts';
import type { Origin } from './load-config.ts';

export interface OwnValue {
  value: unknown;
  origin: Origin;
}

/** This node's own values, before the fleet's values are laid over them. */
export function ownValues(config: Config, origins: Record<string, Origin>): ReadonlyMap<string, OwnValue> {
  return new Map(FLEET_KEYS.map((key) => [key, { value: getValue(config, key), origin: origins[key] ?? 'default' }]));
}

/**
 * The value as the schema reads it, or undefined when it is none for this key, or out of its range: written by an
 * operator, or by another version.
 */
export function checkedValue(key: string, value: unknown): unknown {
  const values = {};
  setValue(values, key, value);
  const parsed = configSchema.safeParse(values);
  return value === null || !parsed.success ? undefined : getValue(parsed.data, key);
}
