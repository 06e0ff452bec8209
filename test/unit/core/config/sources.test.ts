import { describe, expect, it } from 'vitest';
import { load, refusal } from './config-folder.ts';

const ENV_LOGIN = { AFD_DATABASE_USER: 'u', AFD_DATABASE_PASSWORD: 'secret' };
const HERE = 'database: { host: 127.0.0.1, name: s';

describe('finding S13: a password goes only to a server that the same source names', () => {
  it('not from the environment to a host of the file that lies in the folder', async () => {
    const error = await refusal(`${HERE} }`, { env: ENV_LOGIN });
    expect([error.code, error.exitCode]).toEqual(['E_CONFIG', 78]);
    expect(error.message).toBe(
      'The configuration is not valid: afd.yaml:1: database takes host, user and password from several sources (database.host in afd.yaml, database.user by AFD_DATABASE_USER, database.password by AFD_DATABASE_PASSWORD), but afd sends a password only to a server set by the same source. If afd.yaml is yours, pass it with --config afd.yaml or AFD_CONFIG; or set AFD_DATABASE_URL.',
    );
  });

  it.each([
    ['its port', 'database: { port: 4000, name: s }', ENV_LOGIN],
    ['its socket', 'database: { socket: ./evil.sock, name: s }', ENV_LOGIN],
    ['a host in its url', 'database: { url: "mysql://u@127.0.0.1/s" }', { AFD_DATABASE_PASSWORD: 'secret' }],
    ['a password of MYSQL_PASSWORD', `${HERE}, user: u }`, { MYSQL_PASSWORD: 'secret' }],
    ['its password, to MYSQL_HOST', 'database: { user: u, password: secret, name: s }', { MYSQL_HOST: '127.0.0.9' }],
    [
      'its password, to AFD_DATABASE_HOST',
      'database: { user: u, password: secret, name: s }',
      { AFD_DATABASE_HOST: '127.0.0.9' },
    ],
    [
      'its password file, to the url of the environment',
      'database: { password_file: pw }',
      { AFD_DATABASE_URL: 'mysql://u@127.0.0.9/s' },
    ],
  ])('not by %s', async (_, yaml, env) => {
    const error = await refusal(yaml, { env, files: { pw: 'secret\n' } });
    expect(error.message).toContain('from several sources');
    expect(error.message).not.toContain('secret');
  });

  it('not the password of a file that was named to the host of another program’s variable', async () => {
    const env = { MYSQL_HOST: '127.0.0.9', AFD_CONFIG: 'afd.yaml' };
    const error = await refusal('database: { user: u, password: secret, name: s }', { env });
    expect(error.message).toContain('database.host by MYSQL_HOST, database.user in afd.yaml');
    expect(error.message).toContain('Set all of them in the file, or set AFD_DATABASE_URL.');
  });

  it('not another one to the private server', async () => {
    const embeddedUrl = () => 'mysql://afd:own@127.0.0.1/afd?socket=/x/.afd/s';
    const error = await refusal(undefined, { embeddedUrl, env: { AFD_DATABASE_PASSWORD: 'secret' } });
    expect(error.message).toContain('from several sources (database.url of the private server, ');
    const { database } = await load(undefined, { embeddedUrl, env: { MYSQL_PASSWORD: 'of another program' } });
    expect(database.password).toBe('own');
  });

  it('but where the user has named the file, the environment may complete it', async () => {
    const { database } = await load(`${HERE} }`, { env: { ...ENV_LOGIN, AFD_CONFIG: 'afd.yaml' } });
    expect(database).toEqual({ host: '127.0.0.1', port: 3306, user: 'u', password: 'secret', database: 's' });
    const named = await load('database: { user: u, password: secret, name: s }', {
      env: { AFD_DATABASE_HOST: '::1', AFD_CONFIG: 'afd.yaml' },
    });
    expect(named.database).toMatchObject({ host: '::1', password: 'secret' });
  });

  it('and where everything comes from one source, or there is no password', async () => {
    const all = { ...ENV_LOGIN, AFD_DATABASE_NAME: 's', MYSQL_HOST: '127.0.0.9' };
    expect((await load('worker: { region: eu }', { env: all })).database).toMatchObject({ host: '127.0.0.9' });
    const file = `${HERE}, user: u, password: secret }`;
    expect((await load(file, { env: { MYSQL_PASSWORD: 'x', MYSQL_HOST: 'evil' } })).database).toMatchObject({
      ...{ host: '127.0.0.1', password: 'secret' },
    });
    expect((await load(`${HERE} }`, { env: { AFD_DATABASE_USER: 'u' } })).database.user).toBe('u');
    expect((await load('database: { name: s }', { env: ENV_LOGIN })).database).toMatchObject({ host: '127.0.0.1' });
  });
});

describe('finding S13: variables that other programs read too', () => {
  const VARIABLES = {
    ...{ MYSQL_HOST: '127.0.0.9', MYSQL_PORT: '9', MYSQL_USER: 'other', MYSQL_PASSWORD: 'o', MYSQL_DATABASE: 'other' },
    ...{ DEVICE_ID: 'other', MASTER_HOST: 'other' },
  };

  it('overrule nothing that the file says, by parts or by a url', async () => {
    const database = 'database: { host: 127.0.0.1, port: 1, user: u, password: p, name: s }';
    const yaml = `${database}\nworker: { device_id: d }\nmaster: { host: m }`;
    const parts = await load(yaml, { env: VARIABLES });
    expect(parts.database).toEqual({ host: '127.0.0.1', port: 1, user: 'u', password: 'p', database: 's' });
    expect([parts.config.worker.device_id, parts.config.master.host]).toEqual(['d', 'm']);
    const url = await load('database: { url: "mysql://u:p@127.0.0.1:1/s" }', { env: VARIABLES });
    expect(url.database).toEqual(parts.database);
    const socket = await load('database: { url: "mysql://u:p@localhost/s?socket=/s.sock" }', { env: VARIABLES });
    expect(socket.database).toEqual({ socketPath: '/s.sock', user: 'u', password: 'p', database: 's' });
  });

  it('nor what an AFD_ variable says', async () => {
    const env = { ...VARIABLES, AFD_DATABASE_URL: 'mysql://u:p@127.0.0.1:1/s', AFD_WORKER_DEVICE_ID: 'd' };
    const { database, config } = await load(undefined, { env });
    expect(database).toEqual({ host: '127.0.0.1', port: 1, user: 'u', password: 'p', database: 's' });
    expect(config.worker.device_id).toBe('d');
  });

  it('fill what is left open', async () => {
    const { database, config, origins } = await load('worker: { region: eu }', { env: VARIABLES });
    expect(database).toEqual({ host: '127.0.0.9', port: 9, user: 'other', password: 'o', database: 'other' });
    expect([config.worker.device_id, origins['worker.device_id']]).toEqual(['other', 'env DEVICE_ID']);
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
  const IPS = ['192.0.2.1', '10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1'];
  it.each(['db.example', 'localhost.example', '127.example', ...IPS])(
    'is reached by verify-full where nothing else is said: %s',
    async (host) => {
      const { database, warnings } = await load(`database: { host: "${host}", user: u, name: s }`);
      expect(database).toMatchObject({ certifiedHost: host, tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' } });
      expect(warnings).toEqual([]);
    },
  );

  it.each(['tls_ca', 'tls_cert'])('or on this machine, where %s is set', async (key) => {
    const files = { 'a.pem': 'PEM', 'k.pem': 'KEY' };
    const pair = key === 'tls_cert' ? ', tls_key: k.pem' : '';
    const { database } = await load(`database: { host: 127.0.0.1, user: u, name: s, ${key}: a.pem${pair} }`, { files });
    expect(database.certifiedHost).toBe('127.0.0.1');
  });

  it.each([
    ['by the file', 'database: { host: db.example, user: u, name: s, tls: disable }', {}],
    ['by the url', 'database: { url: "mysql://u@db.example/s?tls=disable" }', {}],
    ['by a variable', 'database: { host: db.example, user: u, name: s }', { AFD_DATABASE_TLS: 'disable' }],
  ])('in clear is obeyed where that is said %s, and a node warns', async (_, yaml, env) => {
    const { database, warnings } = await load(yaml, { env });
    // No key that the server itself sends encrypts the password.
    expect(database).toEqual({ host: 'db.example', port: 3306, user: 'u', database: 's', publicKey: null });
    expect(warnings).toEqual([
      'the connection to db.example is not encrypted (database.tls is disable): anyone on the network path can read the password',
    ]);
  });

  it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])(
    'is not %s, nor a socket',
    async (host) => {
      const { warnings } = await load(`database: { host: "${host}", user: u, name: s }`);
      expect(warnings).toEqual([]);
      expect((await load('database: { socket: /s, user: u, name: s }')).warnings).toEqual([]);
    },
  );
});
