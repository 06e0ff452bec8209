/**
 * The values that all nodes must agree on: who is dead, how long a task may run, how often it is tried. Dotted keys of the
 * configuration, and the names of their rows in af_setting.
 */
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

/** What the fleet names of its database, `host:port` with commas between: each node adds it to what it has configured. */
export const HOSTS_KEY = 'database.hosts';
