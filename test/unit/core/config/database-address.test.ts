import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { DATABASE, folder, load, refusal } from './config-folder.ts';

describe('where the database is', () => {
  it('is read from a url, percent-encoding undone', async () => {
    const { database } = await load('database: { url: "mysql://us%40er:p%2Fw%3A@[::1]:3307/fl-eet" }');
    expect(database).toEqual({ host: '::1', port: 3307, user: 'us@er', password: 'p/w:', database: 'fl-eet' });
  });

  it('is a socket when the url names one', async () => {
    const { database } = await load('database: { url: "mysql://afd@localhost/afd?socket=/run/my.sock" }');
    expect(database).toEqual({ socketPath: '/run/my.sock', user: 'afd', database: 'afd' });
  });

  it('takes parts over a url of the same source', async () => {
    const { database } = await load(
      'database: { url: "mysql://a:pw@127.0.0.1:1/s1", host: 127.0.0.2, port: 2, user: b, name: s2 }',
    );
    expect(database).toEqual({ host: '127.0.0.2', port: 2, user: 'b', password: 'pw', database: 's2' });
  });

  it('takes a url of the environment over parts of the file, which fill what the url leaves out', async () => {
    const { database } = await load('database: { host: 127.0.0.2, port: 2, user: b, password: filled, name: s2 }', {
      env: { AFD_DATABASE_URL: 'mysql://a@127.0.0.1/s1', AFD_CONFIG: 'afd.yaml' },
    });
    expect(database).toEqual({ host: '127.0.0.1', port: 2, user: 'a', password: 'filled', database: 's1' });
  });

  it('takes a part of the environment over a url of the file', async () => {
    const { database } = await load(DATABASE, { env: { AFD_DATABASE_HOST: 'other', AFD_CONFIG: 'afd.yaml' } });
    expect(database).toMatchObject({ host: 'other', port: 3307, database: 'fleet' });
  });

  it('takes a host of a higher source over a socket', async () => {
    const { database } = await load('database: { socket: /run/my.sock, user: a, name: s }', {
      env: { AFD_DATABASE_HOST: '127.0.0.1' },
    });
    expect(database).toEqual({ host: '127.0.0.1', port: 3306, user: 'a', database: 's' });
  });

  it('reads a password file without its last line break, relative to the configuration file', async () => {
    const yaml = 'database: { host: localhost, user: a, name: s, password_file: secret }';
    const { database } = await load(yaml, { files: { secret: 'p w\n' } });
    expect(database.password).toBe('p w');
  });

  it('refuses a password and a password file from one source', async () => {
    const yaml = 'database: { host: localhost, user: a, name: s, password: x, password_file: secret }';
    const error = await refusal(yaml, { files: { secret: 'y' } });
    expect(error.message).toContain('database.password_file is set together with database.password');
  });

  it('makes TLS verify the host name unless told otherwise', async () => {
    const full = await load('database: { host: h, user: a, name: s, tls: verify-full }');
    expect(full.database.tls).toEqual({ minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true });
    expect(full.database.certifiedHost).toBe('h');
    const ca = await load('database: { url: "mysql://a@h/s?tls=verify-ca", tls_ca: ca.pem }', {
      files: { 'ca.pem': 'PEM' },
    });
    expect(ca.database.tls).toMatchObject({ verifyIdentity: false, ca: 'PEM' });
    expect(ca.database).not.toHaveProperty('certifiedHost');
  });

  it('reads the certificate and the key of the client, which belong together', async () => {
    const files = { 'c.pem': 'CERT', 'k.pem': 'KEY' };
    const both = 'database: { host: h, user: a, name: s, tls_cert: c.pem, tls_key: k.pem }';
    expect((await load(both, { files })).database.tls).toMatchObject({ cert: 'CERT', key: 'KEY' });
    for (const one of ['tls_cert: c.pem', 'tls_key: k.pem']) {
      const error = await refusal(`database: { host: h, user: a, name: s, ${one} }`, { files });
      expect(error.message).toContain('database.tls_key belong together');
    }
  });

  it('refuses a key of the client that all users can read', async () => {
    const cwd = folder({ 'c.pem': 'CERT', 'k.pem': 'KEY' });
    chmodSync(join(cwd, 'k.pem'), 0o644);
    writeFileSync(join(cwd, 'afd.yaml'), 'database: { host: h, user: a, name: s, tls_cert: c.pem, tls_key: k.pem }');
    const error = await loadConfig({ cwd, env: {}, uid: 1 }).catch((one: Error) => one);
    expect((error as Error).message).toContain('run chmod 600');
  });

  it('takes the key of the server for a login in clear', async () => {
    const files = { 'p.pem': 'PUBLIC' };
    const yaml = 'database: { host: h, user: a, name: s, tls: disable, server_public_key: p.pem }';
    expect((await load(yaml, { files })).database).toMatchObject({ publicKey: 'PUBLIC' });
  });

  it.each([
    ['postgres://a@h/s', 'must start with mysql://'],
    ['not a url', 'is not a URL of the form'],
    ['mysql://a@h/s?ssl=1', 'has an unknown parameter (known: socket, tls;'],
    ['mysql://u:12#x@h/s', 'contains a "#"'],
    ['mysql://u:12/x@h', 'has no user before the host'],
    ['mysql://a@h/s/t', 'must end with a schema name'],
    ['mysql://a:100%@h/s', 'contains a "%"'],
    ['mysql://a@h', 'no schema is set'],
    ['mysql://h/s', 'no database user is set'],
  ])('refuses %s', async (url, why) => {
    expect((await refusal(`database: { url: "${url}" }`)).message).toContain(why);
  });

  it('is the embedded server of the folder when nothing names a database', async () => {
    const embeddedUrl = () => 'mysql://afd@localhost/afd?socket=/x/.afd/s';
    const { database, origins } = await load(undefined, { embeddedUrl });
    expect(database.socketPath).toBe('/x/.afd/s');
    expect(origins['database.url']).toBe('embedded server');
    expect((await load(DATABASE, { embeddedUrl })).database.host).toBe('db.example');
  });

  it('must be said: nothing is guessed', async () => {
    const error = await refusal('worker: { region: eu }', { embeddedUrl: () => undefined });
    expect([error.code, error.suggestions]).toEqual(['E_CONFIG', ['afd db start']]);
    expect(error.message).toContain('AFD_DATABASE_URL=mysql://');
  });
});
