import { expect, it } from 'vitest';
import { promisedBy } from '../../../../../src/core/domain/writer/promised.ts';

const promised = (values: Record<string, string>, more: { several?: boolean; ignoresReadOnly?: boolean } = {}) =>
  promisedBy({ values: new Map(Object.entries(values)), several: true, trustS: 50, ignoresReadOnly: false, ...more });

const GROUP = {
  group_replication_group_name: 'aaaa',
  group_replication_single_primary_mode: 'ON',
  group_replication_consistency: 'BEFORE_ON_PRIMARY_FAILOVER',
  group_replication_member_expel_timeout: '5',
  group_replication_unreachable_majority_timeout: '10',
};

it('knows what a database is, and has nothing to say against settings that are good', () => {
  for (const several of [true, false])
    expect(promised(GROUP, { several })).toMatchObject({ row: 'group', dangers: [] });
  expect(promised({ wsrep_on: 'ON' })).toMatchObject({ row: 'galera', dangers: [] });
  const lossy = { row: 'asynchronous', dangers: [expect.stringContaining('can be lost')] };
  expect(promised({ wsrep_on: 'OFF', group_replication_group_name: '' })).toMatchObject(lossy);
  expect(promised({}, { several: false, ignoresReadOnly: true })).toBeUndefined();
});

it.each([
  ['group_replication_single_primary_mode', 'OFF', 'afd needs a group with one primary'],
  ['group_replication_consistency', 'EVENTUAL', 'a new primary can answer with old rows'],
  ['group_replication_consistency', 'BEFORE_AND_AFTER', 'nothing is written until it is expelled'],
  ['group_replication_unreachable_majority_timeout', '0', 'holds sessions and their locks for ever'],
  ['group_replication_member_expel_timeout', '60', 'after about 76 s, but running tasks are stopped after 50 s'],
])('warns of %s = %s', (name, value, words) => {
  expect(promised({ ...GROUP, [name]: value })?.dangers).toEqual([expect.stringContaining(words)]);
});

it.each(['master', 'source'])('knows semi-synchronous replicas by the names of %s', (which) => {
  const name = (what: string) => `rpl_semi_sync_${which}_${what}`;
  const good = {
    [name('enabled')]: 'ON',
    [name('wait_point')]: 'AFTER_SYNC',
    [name('timeout')]: '600000000',
    [name('status')]: 'ON',
  };
  expect(promised(good)).toMatchObject({ row: 'semi-synchronous', dangers: [] });
  const bad = { ...good, [name('wait_point')]: 'AFTER_COMMIT', [name('timeout')]: '10000', [name('status')]: 'OFF' };
  expect(promised(bad)?.dangers.map((one) => one.split(':')[0])).toEqual([
    `${name('wait_point')} is AFTER_COMMIT`,
    `${name('timeout')} is 10000 ms`,
    `${name('status')} is OFF`,
  ]);
});

it('warns of an account that read_only does not stop, where a switchover sets it', () => {
  const semiSync = { rpl_semi_sync_master_enabled: 'ON', rpl_semi_sync_master_timeout: '600000000' };
  for (const values of [semiSync, {}])
    expect(promised(values, { ignoresReadOnly: true })?.dangers.at(-1)).toContain(
      'the account may write to a server that is read_only',
    );
  // There the server itself refuses all of them.
  expect(promised(GROUP, { ignoresReadOnly: true })?.dangers).toEqual([]);
});
