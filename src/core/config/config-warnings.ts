// Values that are obeyed, though they are dangerous; and keys that are accepted, though nothing uses them yet.
import type { DatabaseAddress } from '../db/session.ts';
import { slotsOf } from '../domain/slots.ts';
import type { Config } from './config-schema.ts';
import { isLoopback } from './loopback.ts';

/** Above this, one connection of each handler is more than a server takes unless its max_connections was raised. */
const MANY_SLOTS = 100;

/** Per cent. A machine is hardly ever below a limit that is lower than this. */
const LOW_LIMIT = 20;

/** One sentence per danger. All figures are seconds. */
export function dangers(config: Config, database: DatabaseAddress | undefined): string[] {
  const { master, worker, load_balancer: balancer } = config;
  const found: string[] = [];
  const say = (when: boolean, sentence: string) => {
    if (when) found.push(sentence);
  };
  const least = 2 * worker.heartbeat_interval + 5;
  say(
    master.heartbeat_timeout < least,
    `master.heartbeat_timeout is ${master.heartbeat_timeout} s, less than 2 × worker.heartbeat_interval + 5 s = ${least} s: a single late heartbeat can make a live device count as dead`,
  );
  say(
    master.lease_trust >= master.lease_duration,
    `master.lease_trust (${master.lease_trust} s) is not below master.lease_duration (${master.lease_duration} s): two nodes may act as leader at the same time`,
  );
  say(
    2 * master.lease_renew_interval > master.lease_trust,
    `master.lease_renew_interval (${master.lease_renew_interval} s) is more than half of master.lease_trust (${master.lease_trust} s): a single late renewal makes the leader lose its lease`,
  );
  say(
    master.health_check_interval > master.heartbeat_timeout,
    `master.health_check_interval (${master.health_check_interval} s) is above master.heartbeat_timeout (${master.heartbeat_timeout} s): dead devices are detected late`,
  );
  say(
    config.database.call_timeout >= config.database.session_timeout,
    `database.call_timeout (${config.database.call_timeout} s) is not below database.session_timeout (${config.database.session_timeout} s): the server may close a session that is waiting for an answer`,
  );
  say(
    master.retry_backoff.initial > master.retry_backoff.max,
    'master.retry_backoff.initial is above master.retry_backoff.max: every retry waits for the maximum',
  );
  say(
    master.max_retry_count === 0,
    'master.max_retry_count is 0: a failed task is not retried, unless the task sets its own max_retry_count',
  );
  say(
    worker.max_concurrent_tasks > MANY_SLOTS,
    `worker.max_concurrent_tasks is ${worker.max_concurrent_tasks}: handlers that connect to the database themselves can exhaust its max_connections (default: 151), and then no node can connect`,
  );
  const document = slotsOf(worker.capabilities);
  say(
    document !== undefined && document !== worker.max_concurrent_tasks,
    `worker.capabilities.max_concurrent is ${document}, but worker.max_concurrent_tasks is ${worker.max_concurrent_tasks}: the latter is used as the number of concurrent tasks`,
  );
  say(
    worker.on_lost_database === 'finish',
    'worker.on_lost_database is finish: while the database is unreachable, a task may run on this device and on another at the same time; use it only if handlers are safe to repeat',
  );
  say(master.lock_grace === 0, 'master.lock_grace is 0: a worker may be declared dead while it reconnects');
  const most =
    balancer.region_bonus +
    (balancer.strategy === 'weighted' ? Object.values(balancer.weights).reduce((sum, one) => sum + one, 0) : 1);
  say(
    balancer.min_score > most,
    `load_balancer.min_score is ${balancer.min_score}, but no device can score more than ${most}: the minimum has no effect`,
  );
  const limits = Object.entries(worker.resource_limits).filter(([name]) => name !== 'interval');
  for (const [name, limit] of limits) {
    say(
      limit !== undefined && limit < LOW_LIMIT,
      `worker.resource_limits.${name} is ${limit} %: the usage of a machine is mostly above this limit, and then this device claims no tasks`,
    );
  }
  const loops: Array<[string, number]> = [
    ['worker.heartbeat_interval', worker.heartbeat_interval],
    ['worker.tick_interval', worker.tick_interval],
    ['worker.resource_limits.interval', worker.resource_limits.interval],
    ['worker.task_poll_interval', worker.task_poll_interval],
    ['master.scheduler_interval', master.scheduler_interval],
    ['master.health_check_interval', master.health_check_interval],
    ['master.lock_check_interval', master.lock_check_interval],
    ['master.lease_renew_interval', master.lease_renew_interval],
    ['master.watch_interval', master.watch_interval],
  ];
  for (const [key, value] of loops)
    say(
      value === 0,
      `${key} is 0: ${key === 'worker.resource_limits.interval' ? 'the machine is measured' : 'the database is queried'} without pause`,
    );
  say(
    balancer.strategy === 'weighted' && Object.values(balancer.weights).every((weight) => weight === 0),
    'load_balancer.weights are all 0: all devices have the same score',
  );
  for (const { socketPath, host, tls } of database === undefined ? [] : (database.members ?? [database])) {
    say(
      socketPath === undefined && host !== undefined && tls === undefined && !isLoopback(host),
      `the connection to ${host} is not encrypted (database.tls is disable): anyone on the network path can read the password`,
    );
  }
  for (const url of worker.gateway ?? []) {
    const { protocol, hostname } = new URL(url);
    say(
      protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')),
      `the connection to the gateway ${url} is not encrypted: anyone on the network path can read tasks, results and master.api_key; use https`,
    );
  }
  say(
    worker.gateway === undefined && (worker.prefetch > 0 || worker.offline_for > 0),
    'worker.prefetch and worker.offline_for have an effect only with worker.gateway',
  );
  return found;
}

/** Of remote workers: without effect where a database is configured and no gateway. */
export const OF_REMOTE_WORKERS = ['master.host', 'master.port', 'master.api_key'] as const;

/** One sentence for each reason why keys that were given do nothing. `remote`: this node's worker has a gateway. */
export function notUsedYet(given: (key: string) => boolean, remote: boolean): string[] {
  const idle = remote ? [] : OF_REMOTE_WORKERS.filter(given);
  if (idle.length === 0) return [];
  const verb = idle.length === 1 ? 'is' : 'are';
  return [
    `${idle.join(', ')} ${verb} not used: this node connects to the database directly; a remote worker is one with worker.gateway`,
  ];
}
