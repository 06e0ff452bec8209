import { expect, it } from 'vitest';
import { describeMember } from '../../../../src/core/db/address.ts';
import { Members, publishedHosts } from '../../../../src/core/writer/members.ts';

const login = { user: 'afd', password: 'secret', database: 'afd' };
const tls = { minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true } as const;

function members(...hosts: string[]) {
  const list = hosts.map((host) => ({ ...login, host, port: 3306, tls, certifiedHost: host }));
  return new Members({ ...list[0]!, members: list });
}

it('adds the hosts that the fleet names to those that are configured, each once', () => {
  const known = members('db1', 'db2');
  expect(known.learn(['db2:3306', 'db3:3307', 'db3:3307', 'db4'])).toEqual(['db3:3307', 'db4:3306']);
  expect(known.learn(['db3:3307'])).toEqual([]);
  expect(known.list.map(describeMember)).toEqual(['db1:3306', 'db2:3306', 'db3:3307', 'db4:3306']);
  expect(known.where).toBe('db1:3306,db2:3306,db3:3307,db4:3306/afd');
});

it('logs in to them as to the others, and checks their certificates for their own names', () => {
  const known = members('db1', 'db2');
  known.learn(['db3', '10.0.0.3']);
  expect(known.list.slice(2)).toEqual([
    { ...login, host: 'db3', port: 3306, tls, certifiedHost: 'db3' },
    { ...login, host: '10.0.0.3', port: 3306, tls: { ...tls, verifyIdentity: false }, certifiedHost: '10.0.0.3' },
  ]);
});

it('takes no host to which another encryption belongs, nothing that is no host, and no more than sixteen', () => {
  const known = members('db1', 'db2');
  expect(known.learn(['127.0.0.1:3306', 'localhost', 'mysql://root@db9/afd', ''])).toEqual([]);
  expect(known.learn(Array.from({ length: 40 }, (_, n) => `other${n}`))).toHaveLength(14);
});

it('publishes what every node can read back, and nothing that is of this machine alone', () => {
  const of = (...ends: object[]) => publishedHosts({ ...login, members: ends.map((end) => ({ ...login, ...end })) });
  const [db1, six] = [
    { host: 'db1', port: 3306 },
    { host: 'fd00::10', port: 3306 },
  ];
  expect(of(db1, six)).toBe('db1:3306,[fd00::10]:3306');
  expect(members('db1', 'fd00::10').learn(of(db1, six)!.split(','))).toEqual([]);
  for (const own of [{ host: '127.0.0.1', port: 3306 }, { socketPath: '/run/s' }]) expect(of(db1, own)).toBeUndefined();
  expect(publishedHosts({ ...login, ...db1 })).toBeUndefined();
});
