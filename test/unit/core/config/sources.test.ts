import { describe, expect, it } from 'vitest';
import { load, refusal } from './config-folder.ts';

const LOGIN = { AFD_DATABASE_USER: 'u', AFD_DATABASE_PASSWORD: 'secret' };
const HERE = 'database: { host: 127.0.0.1, name: s';
const WHOLE = `${HERE}, user: u, password: secret }`;
const HOSTLESS = 'database: { user: u, password: secret, name: s }';
const NAMED = { AFD_CONFIG: 'afd.yaml' };

describe('finding S13: a password goes only to a server that the same source names', () => {
  it('not from the environment to a host of the file that lies in the folder', async () => {
    const { code, exitCode, message } = await refusal(`${HERE} }`, { env: LOGIN });
    expect([code, exitCode]).toEqual(['E_CONFIG', 78]);
    expect(message).toBe(
      'The configuration is not valid: afd.yaml:1: database takes host, user and password from several sources (database.host in afd.yaml, database.user by AFD_DATABASE_USER, database.password by AFD_DATABASE_PASSWORD), but afd sends a password only to a server set by the same source. If afd.yaml is yours, pass it with --config afd.yaml or AFD_CONFIG; or set AFD_DATABASE_URL.',
    );
  });

  it.each<[string, string, Record<string, string>]>([
    ['its port', 'database: { port: 4000, name: s }', LOGIN],
    ['its socket', 'database: { socket: ./evil.sock, name: s }', LOGIN],
    ['a host in its url', 'database: { url: "mysql://u@127.0.0.1/s" }', { AFD_DATABASE_PASSWORD: 'secret' }],
    ['a password of MYSQL_PASSWORD', `${HERE}, user: u }`, { MYSQL_PASSWORD: 'secret' }],
    ['its password, to AFD_DATABASE_HOST', HOSTLESS, { AFD_DATABASE_HOST: '127.0.0.9' }],
    ['its password file', 'database: { password_file: pw }', { AFD_DATABASE_URL: 'mysql://u@127.0.0.9/s' }],
    ['a file that was named, to MYSQL_HOST', HOSTLESS, { MYSQL_HOST: '127.0.0.9', ...NAMED }],
  ])('not by %s', async (_, yaml, env) => {
    const { message } = await refusal(yaml, { env, files: { pw: 'secret\n' } });
    expect(message).toContain('from several sources');
    expect(message).not.toContain('secret');
    if (env.AFD_CONFIG) expect(message).toContain('Set all of them in the file, or set AFD_DATABASE_URL.');
  });

  it('not another one to the private server', async () => {
    const embeddedUrl = () => 'mysql://afd:own@127.0.0.1/afd?socket=/x/.afd/s';
    const error = await refusal(undefined, { embeddedUrl, env: { AFD_DATABASE_PASSWORD: 'secret' } });
    expect(error.message).toContain('from several sources (database.url of the private server, ');
    const { database } = await load(undefined, { embeddedUrl, env: { MYSQL_PASSWORD: 'of another program' } });
    expect(database.password).toBe('own');
  });

  it.each<[string, string, Record<string, string>, object]>([
    ['where the user has named the file, its environment completes it', `${HERE} }`, { ...LOGIN, ...NAMED }, {}],
    ['also with a host', HOSTLESS, { AFD_DATABASE_HOST: '::1', ...NAMED }, { host: '::1' }],
    ['from one source, over variables of other programs', WHOLE, { MYSQL_PASSWORD: 'x', MYSQL_HOST: 'evil' }, {}],
    ['from the environment alone', 'worker: { region: eu }', { ...LOGIN, AFD_DATABASE_NAME: 's' }, {}],
    ['to this machine', 'database: { name: s }', LOGIN, {}],
    ['where there is none', `${HERE} }`, { AFD_DATABASE_USER: 'u' }, { password: undefined }],
  ])('but %s', async (_, yaml, env, differs) => {
    const expected = { host: '127.0.0.1', port: 3306, user: 'u', password: 'secret', database: 's', ...differs };
    expect((await load(yaml, { env })).database).toEqual(expected);
  });
});

describe('finding S13: variables that other programs read too', () => {
  const VARIABLES = {
    ...{ MYSQL_HOST: '127.0.0.9', MYSQL_PORT: '9', MYSQL_USER: 'other', MYSQL_PASSWORD: 'o', MYSQL_DATABASE: 'other' },
    ...{ DEVICE_ID: 'other', MASTER_HOST: 'other' },
  };
  const database = { host: '127.0.0.1', port: 1, user: 'u', password: 'p', database: 's' };
  const url = 'mysql://u:p@127.0.0.1:1/s';

  it.each<[string, string | undefined, Record<string, string>?]>([
    ['the file says by parts', 'database: { host: 127.0.0.1, port: 1, user: u, password: p, name: s }'],
    ['the file says by a url', `database: { url: "${url}" }`],
    ['an AFD_ variable says', undefined, { AFD_DATABASE_URL: url }],
  ])('overrule nothing that %s', async (_, yaml, more = {}) => {
    expect((await load(yaml, { env: { ...VARIABLES, ...more } })).database).toEqual(database);
  });

  it('nor a socket, nor another key, but fill what is left open', async () => {
    const yaml = 'database: { url: "mysql://u:p@localhost/s?socket=/s.sock" }\nmaster: { host: m }';
    const socket = await load(yaml, { env: VARIABLES });
    expect(socket.database).toEqual({ socketPath: '/s.sock', user: 'u', password: 'p', database: 's' });
    expect(socket.config).toMatchObject({ master: { host: 'm' }, worker: { device_id: 'other' } });
    const open = await load('worker: { region: eu }', { env: VARIABLES });
    expect(open.database).toEqual({ host: '127.0.0.9', port: 9, user: 'other', password: 'o', database: 'other' });
  });

  it('are named by a node when they say something else, without their values', async () => {
    const yaml = 'database: { url: "mysql://u@127.0.0.1/s", password: p }\nworker: { device_id: d }';
    const { warnings, remarks } = await load(yaml, { env: { DEVICE_ID: 'other', MYSQL_PASSWORD: 'hidden' } });
    expect(warnings).toEqual([
      'DEVICE_ID is ignored, because the configuration file sets worker.device_id; use AFD_WORKER_DEVICE_ID to override the file',
      'MYSQL_PASSWORD is ignored, because the configuration file sets database.password; use AFD_DATABASE_PASSWORD to override the file',
    ]);
    expect(remarks).toEqual([]);
    expect((await load(yaml, { env: { DEVICE_ID: 'd' } })).warnings).toEqual([]);
  });
});

describe('finding S11: a database beyond this machine', () => {
  const remote = ['db.example', 'localhost.example', '127.example', '10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1'];
  it.each(remote)('is reached by verify-full where nothing else is said: %s', async (host) => {
    const { database, warnings } = await load(`database: { host: "${host}", user: u, name: s }`);
    expect(database).toMatchObject({ certifiedHost: host, tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' } });
    expect(warnings).toEqual([]);
  });

  it.each(['tls_ca: a.pem', 'tls_cert: a.pem, tls_key: k.pem'])('or on this machine, with %s', async (keys) => {
    const files = { 'a.pem': 'PEM', 'k.pem': 'KEY' };
    const { database } = await load(`${HERE}, user: u, ${keys} }`, { files });
    expect(database.certifiedHost).toBe('127.0.0.1');
  });

  it.each(['{ host: db.example, user: u, name: s, tls: disable }', '{ url: "mysql://u@db.example/s?tls=disable" }'])(
    'in clear is obeyed, and a node warns: %s',
    async (said) => {
      const { database, warnings } = await load(`database: ${said}`);
      // No key that the server itself sends encrypts the password.
      expect(database).toEqual({ host: 'db.example', port: 3306, user: 'u', database: 's', publicKey: null });
      expect(warnings).toEqual([
        'the connection to db.example is not encrypted (database.tls is disable): anyone on the network path can read the password',
      ]);
    },
  );

  const own = ['LOCALHOST', '127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'].map((host) => `host: "${host}"`);
  it.each([...own, 'socket: /s'])('is not %s', async (where) => {
    const { database, warnings } = await load(`database: { ${where}, user: u, name: s }`);
    expect([database.tls, warnings]).toEqual([undefined, []]);
  });
});
