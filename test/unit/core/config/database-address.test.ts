import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { parseHost } from '../../../../src/core/config/sections/database-hosts.ts';
import { describeAddress } from '../../../../src/core/db/address.ts';
import { DATABASE, folder, load, refusal } from './config-folder.ts';

const CONFIG = { AFD_CONFIG: 'afd.yaml' };

describe('where the database is', () => {
  const PARTS = 'host: 127.0.0.2, port: 2, user: b, password: q, name: t';
  const URL = 'mysql://a:p@127.0.0.1:1/s';
  const ENV_HOST = { AFD_DATABASE_HOST: '127.0.0.3', ...CONFIG };

  it.each<[how: string, database: string, found: string, env?: Record<string, string>]>([
    ['is read from a url, decoded', 'url: "mysql://us%40er:p%2Fw%3A@[::1]:1/s-1"', '::1 1 us@er p/w: s-1'],
    ['is a socket when the url names one', 'url: "mysql://a@localhost/s?socket=/my.sock"', '/my.sock a s'],
    ['takes parts over a url of the same source', `url: "${URL}", host: 127.0.0.2, user: b`, '127.0.0.2 1 b p s'],
    ['takes a url of the environment over parts', PARTS, '127.0.0.1 1 a p s', { AFD_DATABASE_URL: URL }],
    ['and parts for the rest', PARTS, '127.0.0.1 2 a q s', { AFD_DATABASE_URL: 'mysql://a@127.0.0.1/s', ...CONFIG }],
    ['takes a part of the environment over a url', `url: "${URL}"`, '127.0.0.3 1 a p s', ENV_HOST],
    ['takes a host of a higher source over a socket', 'socket: /s, user: a, name: s', '127.0.0.3 3306 a s', ENV_HOST],
    ['is one server when there is only one of several', 'hosts: [127.0.0.1:3], user: a, name: s', '127.0.0.1 3 a s'],
  ])('%s', async (_, yaml, found, env = {}) => {
    const { database } = await load(`database: { ${yaml} }`, { env });
    expect(Object.values(database).join(' ')).toBe(found);
    expect('socketPath' in database).toBe(found.startsWith('/'));
  });

  it('has TLS that verifies the host name unless told otherwise, and a password file without its last line break', async () => {
    const full = await load('database: { host: h, user: a, name: s, tls: verify-full }');
    expect(full.database.tls).toEqual({ minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true });
    expect(full.database.certifiedHost).toBe('h');
    const files = { 'ca.pem': 'PEM', secret: 'p w\n' };
    const ca = 'database: { url: "mysql://a@h/s?tls=verify-ca", tls_ca: ca.pem, password_file: secret }';
    const { database } = await load(ca, { files });
    expect(database).toMatchObject({ password: 'p w', tls: { verifyIdentity: false, ca: 'PEM' } });
    expect(database).not.toHaveProperty('certifiedHost');
  });

  it('has the certificate and the key of the client, and the key of the server for a login in clear', async () => {
    const files = { 'c.pem': 'CERT', 'k.pem': 'KEY' };
    const both = 'database: { host: h, user: a, name: s, tls_cert: c.pem, tls_key: k.pem }';
    expect((await load(both, { files })).database.tls).toMatchObject({ cert: 'CERT', key: 'KEY' });
    const clear = 'database: { host: h, user: a, name: s, tls: disable, server_public_key: k.pem }';
    expect((await load(clear, { files })).database).toMatchObject({ publicKey: 'KEY' });
    const cwd = folder({ ...files, 'afd.yaml': both });
    chmodSync(join(cwd, 'k.pem'), 0o644);
    await expect(loadConfig({ cwd, env: {}, uid: 1 })).rejects.toThrow('run chmod 600');
  });

  const url = (text: string) => `url: "${text}"`;
  const many = Array.from({ length: 17 }, (_, n) => `h${n}`);
  const parts = 'host: h, user: a, name: s';

  it.each([
    [`${parts}, tls_cert: c.pem`, 'database.tls_key belong together'],
    [`${parts}, password: x, password_file: c.pem`, 'database.password_file is set together with database.password'],
    [`${parts}, hosts: [a, b]`, 'database.hosts is set together with database.host: keep one of them'],
    ['hosts: [], user: a, name: s', 'must name a host'],
    ['hosts: [a, "mysql://u:hunter2@b/s"], user: a, name: s', 'is not a host such as'],
    ['hosts: [a, "A:3306"], user: a, name: s', 'database.hosts names a host twice'],
    [`hosts: [${many}], user: a, name: s`, '17 hosts; at most 16'],
    [url('postgres://a@h/s'), 'must start with mysql://'],
    [url('not a url'), 'is not a URL of the form'],
    [url('mysql://a@h/s?ssl=1'), 'has an unknown parameter (known: socket, tls;'],
    [url('mysql://u:12#x@h/s'), 'contains a "#"'],
    [url('mysql://u:12/x@h'), 'has no user before the host'],
    [url('mysql://a@h/s/t'), 'must end with a schema name'],
    [url('mysql://a:100%@h/s'), 'contains a "%"'],
    [url('mysql://a@h'), 'no schema is set'],
    [url('mysql://h/s'), 'no database user is set'],
    [url('mysql://u:hunter2@a,b:x/s'), 'is not a host such as'],
    [url('mysql://u:hunter2@,/s'), 'must name a host'],
  ])('is refused by %s', async (yaml, why) => {
    const { message } = await refusal(`database: { ${yaml} }`, { files: { 'c.pem': 'CERT' } });
    expect(message).toContain(why);
    expect(message).not.toContain('hunter2');
  });

  it('is the embedded server of the folder when nothing names a database; else it must be said', async () => {
    const embeddedUrl = () => 'mysql://afd@localhost/afd?socket=/x/.afd/s';
    const { database, origins } = await load(undefined, { embeddedUrl });
    expect([database.socketPath, origins['database.url']]).toEqual(['/x/.afd/s', 'embedded server']);
    expect((await load(DATABASE, { embeddedUrl })).database.host).toBe('db.example');
    const error = await refusal('worker: { region: eu }', { embeddedUrl: () => undefined });
    expect([error.code, error.suggestions]).toEqual(['E_CONFIG', ['afd db start']]);
    expect(error.message).toContain('AFD_DATABASE_URL=mysql://');
  });
});

describe('several hosts', () => {
  const membersOf = async (...given: Parameters<typeof load>) =>
    (await load(...given)).database.members?.map(({ host, port }) => `${host} ${port}`);
  const TWO = 'hosts: [127.0.0.1, 127.0.0.2], user: a, name: s';

  it('are the members, each with its own port or that of database.port', async () => {
    const hosts = '[127.0.0.1:3307, 127.0.0.2, "[::1]:3309"]';
    const { database } = await load(`database: { hosts: ${hosts}, port: 3310, user: a, password: p, name: s }`);
    const login = { user: 'a', password: 'p', database: 's' };
    const first = { host: '127.0.0.1', port: 3307, ...login };
    const third = { host: '::1', port: 3309, ...login };
    expect(database.members).toEqual([first, { host: '127.0.0.2', port: 3310, ...login }, third]);
    expect(database).toMatchObject(first);
    expect(describeAddress(database)).toBe('127.0.0.1:3307,127.0.0.2:3310,[::1]:3309/s');
  });

  it('are read from a url, or one text with commas in the environment', async () => {
    const AFD_DATABASE_URL = 'mysql://us%40er:p%2Cw@localhost,127.0.0.2,[::1]:3307/fleet?tls=disable';
    const members = ['localhost 3306', '127.0.0.2 3306', '::1 3307'];
    expect(await membersOf('{}', { env: { AFD_DATABASE_URL } })).toEqual(members);
    const env = { AFD_DATABASE_HOSTS: '127.0.0.1, 127.0.0.2:3307', ...CONFIG };
    const two = ['127.0.0.1 3306', '127.0.0.2 3307'];
    expect(await membersOf('database: { user: a, name: s, host: other }', { env })).toEqual(two);
  });

  it('give way to a host of a higher source, and win over one of a lower, or of the url', async () => {
    const env = { AFD_DATABASE_HOST: 'localhost', ...CONFIG };
    expect(await membersOf(`database: { ${TWO} }`, { env })).toBeUndefined();
    expect(await membersOf(`database: { ${TWO} }`, { env: { MYSQL_HOST: 'localhost', ...CONFIG } })).toHaveLength(2);
    expect(await membersOf(`database: { url: "mysql://a@localhost/s", ${TWO} }`)).toHaveLength(2);
  });

  it('are each checked for the certificate of their own name', async () => {
    const { database } = await load('database: { hosts: [db1, 10.0.0.3], user: a, name: s }');
    expect(database.members).toMatchObject([
      { certifiedHost: 'db1', tls: { verifyIdentity: true } },
      { certifiedHost: '10.0.0.3', tls: { verifyIdentity: false } },
    ]);
    const { message } = await refusal('database: { hosts: [db1, db2], user: a, name: s, tls_ca: missing.pem }');
    expect(message.split('database.tls_ca')).toHaveLength(2);
  });

  it('are names or addresses, with a port or without', () => {
    const hosts = ['db-1.example', 'db:1', '::1', '[::1]'].map((text) => JSON.stringify(parseHost(text)));
    expect(hosts).toEqual(['{"host":"db-1.example"}', '{"host":"db","port":1}', '{"host":"::1"}', '{"host":"::1"}']);
    for (const none of ['db:0', 'db:65536', '[db]:3306', 'u@db', '']) expect(parseHost(none), none).toBeUndefined();
  });
});
