import { expect, it } from 'vitest';
import { RANGES } from '../../../../src/core/config/config-keys.ts';
import { getValue } from '../../../../src/core/config/dotted.ts';
import { FleetSettings } from '../../../../src/core/config/fleet-settings.ts';
import type { SettingRow } from '../../../../src/core/db/settings/read-settings.ts';
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
  return { ...resolved, fleet: new FleetSettings(resolved, events), warnings, changes };
}
const rows = (values: Record<string, unknown>): SettingRow[] =>
  Object.entries(values).map(([name, value]) => ({ name, value, updated_at: null, updated_by: null }));

it('the fleet wins over default, file and environment, in the object that everybody already has', async () => {
  const { config, origins, fleet } = await node('master: { task_timeout: 100 }', { AFD_MASTER_MAX_RETRY_COUNT: '1' });
  const { master } = config;
  fleet.obey(rows({ 'master.task_timeout': 7, 'master.max_retry_count': 8, 'master.retry_backoff.initial': 9 }));
  expect([master.task_timeout, master.max_retry_count, master.retry_backoff.initial]).toEqual([7, 8, 9]);
  expect([
    origins['master.task_timeout'],
    origins['master.max_retry_count'],
    origins['master.heartbeat_timeout'],
  ]).toEqual(['fleet', 'fleet', 'default']);
  expect(fleet.own.get('master.max_retry_count')).toEqual({ value: 1, origin: 'env AFD_MASTER_MAX_RETRY_COUNT' });
});

it('one warning names each key for which this node has another value, with both values; a default does not count', async () => {
  const { fleet, warnings } = await node('master: { task_timeout: 100, max_retry_count: 3 }');
  const said = rows({ 'master.task_timeout': 7, 'master.max_retry_count': 3, 'master.heartbeat_timeout': 90 });
  fleet.obey(said);
  fleet.obey(said);
  expect(warnings).toEqual([
    'master.task_timeout is 100 on this node (file), but 7 fleet-wide: the fleet-wide value is used; run "afd config apply" to publish the values of this node',
  ]);
});

it('a change is taken over and said once; without its row a key is this node’s again', async () => {
  const { config, origins, fleet, changes } = await node('master: { task_timeout: 100 }');
  fleet.obey(rows({ 'master.task_timeout': 7 }));
  fleet.obey(rows({ 'master.task_timeout': 7 }));
  fleet.obey(rows({ 'master.task_timeout': 8 }));
  fleet.obey([]);
  expect(changes).toEqual([
    { key: 'master.task_timeout', from: 100, to: 7 },
    { key: 'master.task_timeout', from: 7, to: 8 },
    { key: 'master.task_timeout', from: 8, to: 100 },
  ]);
  expect([config.master.task_timeout, origins['master.task_timeout']]).toEqual([100, 'file']);
});

it('names that this version does not know are left alone', async () => {
  const { fleet, warnings, changes } = await node();
  fleet.obey(rows({ 'master.something_new': 1, 'worker.max_concurrent_tasks': 99 }));
  expect([warnings, changes]).toEqual([[], []]);
});

it('a fleet value that is dangerous here is warned about', async () => {
  const { fleet, warnings } = await node('worker: { heartbeat_interval: 20 }');
  fleet.obey(rows({ 'master.heartbeat_timeout': 30 }));
  expect(warnings).toEqual([
    expect.stringContaining('master.heartbeat_timeout is 30 s, less than 2 × worker.heartbeat_interval'),
  ]);
});

it('every key fits the column that holds its name', () => {
  for (const key of FLEET_KEYS) expect(key.length).toBeLessThanOrEqual(64);
});

const NUMBERS = FLEET_KEYS.filter((key) => key !== 'load_balancer.strategy');
const ODD = [1e300, 'soon', -1, -1e-9, 1e21, '1e300', 'NaN', '-1', '9'.repeat(5000), '', null, [], [5], { a: 1 }, true];

it.each(NUMBERS)(
  'finding S8: %s out of its range is not valid: one warning with the range, and the own value',
  async (key) => {
    const { config, fleet, warnings, changes } = await node();
    const own = getValue(config, key);
    for (const value of ODD) {
      for (let heartbeat = 0; heartbeat < 3; heartbeat += 1) fleet.obey(rows({ [key]: value, other: heartbeat }));
      expect(getValue(config, key)).toBe(own);
    }
    expect(changes).toEqual([]);
    expect(warnings).toHaveLength(new Set(ODD.map((one) => JSON.stringify(one).slice(0, 60))).size);
    for (const warning of warnings) {
      expect(warning).toContain(`is not valid (allowed: ${RANGES.get(key)}): this node uses its own value ${own}`);
      expect(warning.length).toBeLessThan(300);
    }
  },
);
