// Values that are obeyed, though they are dangerous; and keys that are accepted, though nothing uses them yet.
import type { DatabaseAddress } from '../db/session.ts';
import type { Config } from './config-schema.ts';

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
    `master.heartbeat_timeout is ${master.heartbeat_timeout} s, less than 2 × worker.heartbeat_interval + 5 s = ${least} s: one late heartbeat and a live device counts as dead`,
  );
  say(
    master.lease_trust >= master.lease_duration,
    `master.lease_trust (${master.lease_trust} s) is not below master.lease_duration (${master.lease_duration} s): two nodes may believe that they lead`,
  );
  say(
    2 * master.lease_renew_interval > master.lease_trust,
    `master.lease_renew_interval (${master.lease_renew_interval} s) is more than half of master.lease_trust (${master.lease_trust} s): one late renewal loses the leadership`,
  );
  say(
    master.health_check_interval > master.heartbeat_timeout,
    `master.health_check_interval (${master.health_check_interval} s) is above master.heartbeat_timeout (${master.heartbeat_timeout} s): dead devices are noticed late`,
  );
  say(
    config.database.call_timeout >= config.database.session_timeout,
    `database.call_timeout (${config.database.call_timeout} s) is not below database.session_timeout (${config.database.session_timeout} s): the server may end a session that waits for an answer`,
  );
  say(
    master.retry_backoff.initial > master.retry_backoff.max,
    'master.retry_backoff.initial is above master.retry_backoff.max: every retry waits for max',
  );
  say(master.task_timeout === 0, 'master.task_timeout is 0: every task without a timeout of its own ends at once');
  say(master.lock_grace === 0, 'master.lock_grace is 0: a worker that reconnects may be declared dead');
  const loops: Array<[string, number]> = [
    ['worker.heartbeat_interval', worker.heartbeat_interval],
    ['worker.tick_interval', worker.tick_interval],
    ['worker.task_poll_interval', worker.task_poll_interval],
    ['master.scheduler_interval', master.scheduler_interval],
    ['master.health_check_interval', master.health_check_interval],
    ['master.lock_check_interval', master.lock_check_interval],
    ['master.lease_renew_interval', master.lease_renew_interval],
  ];
  for (const [key, value] of loops) say(value === 0, `${key} is 0: the database is asked without pause`);
  say(
    balancer.strategy === 'weighted' && Object.values(balancer.weights).every((weight) => weight === 0),
    'load_balancer.weights are all 0: every device scores the same',
  );
  const host = database?.socketPath === undefined ? database?.host : undefined;
  say(
    host !== undefined && database?.tls === undefined && !/^(localhost|127\.|::1$)/.test(host),
    `the connection to ${host} is not encrypted: set database.tls to verify-full`,
  );
  return found;
}

/** Keys of the design document that are accepted and do nothing before the gateway exists; one sentence, or none. */
export function notUsedYet(given: (key: string) => boolean, hasDatabase: boolean): string[] {
  const keys = ['server.host', 'server.port', 'server.workers'].filter(given);
  if (hasDatabase) keys.push(...['master.host', 'master.port', 'master.api_key'].filter(given));
  if (keys.length === 0) return [];
  return [
    `${keys.join(', ')} ${keys.length === 1 ? 'is' : 'are'} not used: every node works with the database directly`,
  ];
}
