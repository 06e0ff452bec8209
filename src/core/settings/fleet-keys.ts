// The values that all nodes must agree on: who is dead, how long a task may run, how often it is tried. They live in
// af_setting under their dotted keys, and the database wins over every node's own file.
import { type Config, configSchema } from '../config/config-schema.ts';
import { getValue, setValue } from '../config/dotted.ts';
import type { Origin } from '../config/load-config.ts';

export const FLEET_KEYS = [
  'master.heartbeat_timeout',
  'master.task_timeout',
  'master.max_retry_count',
  'master.retry_backoff.initial',
  'master.retry_backoff.max',
  'master.retry_backoff.jitter',
  'load_balancer.strategy',
  'load_balancer.weights.load_factor',
  'load_balancer.weights.capability_match',
  'load_balancer.weights.success_rate',
  'load_balancer.weights.response_time',
  'load_balancer.region_bonus',
  'load_balancer.min_score',
] as const;

export interface OwnValue {
  value: unknown;
  origin: Origin;
}

/** What this node itself was told, before the fleet's values are laid over it. */
export function ownValues(config: Config, origins: Record<string, Origin>): ReadonlyMap<string, OwnValue> {
  return new Map(FLEET_KEYS.map((key) => [key, { value: getValue(config, key), origin: origins[key] ?? 'default' }]));
}

/** The value as the schema reads it, or undefined when it is none for this key: written by hand, or by another version. */
export function checkedValue(key: string, value: unknown): unknown {
  const values = {};
  setValue(values, key, value);
  const parsed = configSchema.safeParse(values);
  return value === null || !parsed.success ? undefined : getValue(parsed.data, key);
}
