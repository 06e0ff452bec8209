import { expect, it } from 'vitest';
import { RANGES } from '../../../../src/core/config/config-keys.ts';
import { getValue } from '../../../../src/core/config/dotted.ts';
import { FleetSettings } from '../../../../src/core/config/fleet-settings.ts';
import { FLEET_KEYS } from '../../../../src/core/domain/fleet-keys.ts';
import { Events } from '../../../../src/core/runtime/events.ts';
import { DATABASE, load } from './config-folder.ts';

async function node(yaml = '', env: Record<string, string> = {}) {
  const resolved = await load(`${DATABASE}log: { level: info }\n${yaml}`, { env });
  const events = new Events();
  const warnings: string[] = [];
  const changes: unknown[] = [];
  events.on('warning', ({ message }) => warnings.push(message));
  events.on('settings:changed', (data) => changes.push(...data.changes));
  const fleet = new FleetSettings(resolved, events);
  const obey = (values: Record<string, unknown>) =>
    fleet.obey(Object.entries(values).map(([name, value]) => ({ name, value, updated_at: null, updated_by: null })));
  return { ...resolved, fleet, obey, warnings, changes };
}

it('the fleet wins over default, file and environment, in the object that everybody already has', async () => {
  const env = { AFD_MASTER_MAX_RETRY_COUNT: '1' };
  const { config, origins, fleet, obey } = await node('master: { task_timeout: 100 }', env);
  const { master } = config;
  obey({ 'master.task_timeout': 7, 'master.max_retry_count': 8, 'master.retry_backoff.initial': 9 });
  expect(master).toMatchObject({ task_timeout: 7, max_retry_count: 8, retry_backoff: { initial: 9 } });
  const from = (key: string) => origins[`master.${key}`];
  expect(['task_timeout', 'max_retry_count', 'heartbeat_timeout'].map(from)).toEqual(['fleet', 'fleet', 'default']);
  expect(fleet.own.get('master.max_retry_count')).toEqual({ value: 1, origin: 'env AFD_MASTER_MAX_RETRY_COUNT' });
});

it('one warning names each key for which this node has another value, with both values; a default does not count', async () => {
  const { obey, warnings } = await node('master: { task_timeout: 100, max_retry_count: 3 }');
  for (const other of [1, 2])
    obey({ 'master.task_timeout': 7, 'master.max_retry_count': 3, 'master.heartbeat_timeout': 90, other });
  expect(warnings).toEqual([
    'master.task_timeout is 100 on this node (file), but 7 fleet-wide: the fleet-wide value is used; run "afd config apply" to publish the values of this node',
  ]);
});

it('a change is taken over and said once; without its row a key is this node’s again', async () => {
  const { config, origins, obey, changes } = await node('master: { task_timeout: 100 }');
  for (const value of [7, 7, 8]) obey({ 'master.task_timeout': value });
  obey({});
  expect(changes).toEqual([
    { key: 'master.task_timeout', from: 100, to: 7 },
    { key: 'master.task_timeout', from: 7, to: 8 },
    { key: 'master.task_timeout', from: 8, to: 100 },
  ]);
  expect([config.master.task_timeout, origins['master.task_timeout']]).toEqual([100, 'file']);
});

it('a value that is dangerous here is warned about; names that this version does not know are left alone', async () => {
  const { obey, warnings, changes } = await node('worker: { heartbeat_interval: 20 }');
  obey({ 'master.something_new': 1, 'worker.max_concurrent_tasks': 99 });
  expect([warnings, changes]).toEqual([[], []]);
  obey({ 'master.heartbeat_timeout': 30 });
  const danger = 'master.heartbeat_timeout is 30 s, less than 2 × worker.heartbeat_interval';
  expect(warnings).toEqual([expect.stringContaining(danger)]);
});

const numbers = FLEET_KEYS.filter((key) => key !== 'load_balancer.strategy');
it.each(numbers)('finding S8: %s out of its range is not valid: one warning each, and the own value', async (key) => {
  const { config, obey, warnings, changes } = await node();
  const own = getValue(config, key);
  const odd = [1e300, 'soon', -1, '1e300', 'NaN', '9'.repeat(5000), '', null, [5], { a: 1 }, true];
  for (const value of odd) {
    for (let heartbeat = 0; heartbeat < 2; heartbeat += 1) obey({ [key]: value, other: heartbeat });
    expect(getValue(config, key)).toBe(own);
    expect(warnings.at(-1)?.length).toBeLessThan(300);
  }
  expect(changes).toEqual([]);
  const said = `is not valid (allowed: ${RANGES.get(key)}): this node uses its own value ${own}`;
  expect(warnings).toEqual(odd.map(() => expect.stringContaining(said)));
});
