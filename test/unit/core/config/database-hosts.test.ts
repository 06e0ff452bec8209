import { describe, expect, it } from 'vitest';
import { parseHost } from '../../../../src/core/config/sections/database-hosts.ts';
import { describeAddress } from '../../../../src/core/db/address.ts';
import { load, refusal } from './config-folder.ts';

/** All on this machine, so that no TLS is wanted. */
const HOSTS = '[127.0.0.1:3307, 127.0.0.2, "[::1]:3309"]';

describe('several hosts', () => {
  it('are the members, each with its own port or that of database.port', async () => {
    const { database } = await load(`database: { hosts: ${HOSTS}, port: 3310, user: a, password: p, name: s }`);
    const login = { user: 'a', password: 'p', database: 's' };
    expect(database.members).toEqual([
      { host: '127.0.0.1', port: 3307, ...login },
      { host: '127.0.0.2', port: 3310, ...login },
      { host: '::1', port: 3309, ...login },
    ]);
    expect(database).toMatchObject({ host: '127.0.0.1', port: 3307, ...login });
    expect(describeAddress(database)).toBe('127.0.0.1:3307,127.0.0.2:3310,[::1]:3309/s');
  });

  it('are read from a url', async () => {
    const AFD_DATABASE_URL = 'mysql://us%40er:p%2Cw@localhost,127.0.0.2,[::1]:3307/fleet?tls=disable';
    const { database } = await load('{}', { env: { AFD_DATABASE_URL } });
    const members = database.members?.map(({ host, port }) => `${host} ${port}`);
    expect(members).toEqual(['localhost 3306', '127.0.0.2 3306', '::1 3307']);
    expect(database).toMatchObject({ user: 'us@er', password: 'p,w', database: 'fleet' });
  });

  it('are one text with commas in the environment', async () => {
    const { database } = await load('database: { user: a, name: s, host: other }', {
      env: { AFD_DATABASE_HOSTS: '127.0.0.1, 127.0.0.2:3307', AFD_CONFIG: 'afd.yaml' },
    });
    expect(database.members?.map(({ host, port }) => `${host} ${port}`)).toEqual(['127.0.0.1 3306', '127.0.0.2 3307']);
  });

  it('are one server as always when there is only one', async () => {
    const { database } = await load('database: { hosts: [127.0.0.1:3307], user: a, name: s }');
    expect(database).toEqual({ host: '127.0.0.1', port: 3307, user: 'a', database: 's' });
  });

  it('give way to a host of a higher source, and win over one of a lower', async () => {
    const file = 'database: { hosts: [127.0.0.1, 127.0.0.2], user: a, name: s }';
    const env = { AFD_CONFIG: 'afd.yaml' };
    expect((await load(file, { env: { ...env, AFD_DATABASE_HOST: 'localhost' } })).database.members).toBeUndefined();
    expect((await load(file, { env: { ...env, MYSQL_HOST: 'localhost' } })).database.members).toHaveLength(2);
    const url = 'database: { url: "mysql://a@localhost/s", hosts: [127.0.0.1, 127.0.0.2] }';
    expect((await load(url)).database.members).toHaveLength(2);
  });

  it('exclude a host of the same source', async () => {
    const error = await refusal('database: { hosts: [127.0.0.1, 127.0.0.2], host: localhost, user: a, name: s }');
    expect(error.message).toContain('database.hosts is set together with database.host: keep one of them');
  });

  it('are each checked for the certificate of their own name', async () => {
    const { database } = await load('database: { hosts: [db1, db2, 10.0.0.3], user: a, name: s }');
    expect(database.members).toMatchObject([
      { certifiedHost: 'db1', tls: { verifyIdentity: true } },
      { certifiedHost: 'db2', tls: { verifyIdentity: true } },
      { certifiedHost: '10.0.0.3', tls: { verifyIdentity: false } },
    ]);
  });

  it('have one problem once', async () => {
    const { message } = await refusal('database: { hosts: [db1, db2], user: a, name: s, tls_ca: missing.pem }');
    expect(message.split('database.tls_ca')).toHaveLength(2);
  });

  it.each([
    ['database: { hosts: [], user: a, name: s }', 'must name a host'],
    ['database: { hosts: [a, "mysql://u:hunter2@b/s"], user: a, name: s }', 'is not a host such as'],
    ['database: { hosts: [a, "A:3306"], user: a, name: s }', 'database.hosts names a host twice'],
    [
      `database: { hosts: [${Array.from({ length: 17 }, (_, n) => `h${n}`)}], user: a, name: s }`,
      '17 hosts; at most 16',
    ],
    ['database: { url: "mysql://u:hunter2@a,b:x/s" }', 'is not a host such as'],
    ['database: { url: "mysql://u:hunter2@,/s" }', 'must name a host'],
  ])('are refused without repeating them: %s', async (yaml, why) => {
    const { message } = await refusal(yaml);
    expect(message).toContain(why);
    expect(message).not.toContain('hunter2');
  });
});

it.each([
  ['db-1.example', { host: 'db-1.example', port: undefined }],
  ['db:1', { host: 'db', port: 1 }],
  ['::1', { host: '::1', port: undefined }],
  ['[::1]', { host: '::1', port: undefined }],
  ['db:0', undefined],
  ['db:65536', undefined],
  ['[db]:3306', undefined],
  ['u@db', undefined],
  ['', undefined],
])('reads %s', (text, host) => {
  expect(parseHost(text)).toEqual(host);
});
