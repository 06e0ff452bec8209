import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import { listenAddress } from '../../../src/core/gateway/listen-address.ts';
import { daysLeft, readCertificate } from '../../../src/gateway/server/certificate.ts';
import { type Certificate, certificateFor } from '../../helpers/certificate.ts';
import { folder } from '../core/config/config-folder.ts';

let one: Certificate;
let other: Certificate;
beforeAll(() => {
  one = certificateFor('DNS:localhost');
  other = certificateFor('DNS:localhost');
});

function files(cert: string, key: string, mode = 0o600): string {
  const dir = folder({});
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key);
  chmodSync(join(dir, 'key.pem'), mode);
  return dir;
}
const read = (baseDir: string, server: object = { tls_cert: 'cert.pem', tls_key: 'key.pem' }) =>
  readCertificate({ config: configSchema.parse({ server }), baseDir });

describe('the certificate of a gateway', () => {
  it('is read with its key, relative to the configuration file; a group may read the key', async () => {
    expect(await read(files(one.cert, one.key, 0o640))).toEqual({ cert: one.cert, key: one.key });
    expect(await read('/', {})).toBeUndefined();
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a key that everybody can read',
      () => read(files(one.cert, one.key, 0o644)),
      /key\.pem .* by everybody: run chmod 600/,
    ],
    ['the key of another', () => read(files(one.cert, other.key)), /cannot be used with the key key\.pem/],
    ['no certificate', () => read(files('-', one.key)), /cert\.pem cannot be used/],
    ['no file', () => read(folder({})), /cert\.pem \(server\.tls_cert\) cannot be read/],
    ['one of the two', () => read(files(one.cert, one.key), { tls_cert: 'cert.pem' }), /server\.tls_key is not/],
    ['the other of the two', () => read(files(one.cert, one.key), { tls_key: 'key.pem' }), /server\.tls_cert is not/],
  ])('is refused: %s', async (_what, reading, message) => {
    await expect(reading()).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(message) });
  });

  it('says how long it is valid', () => {
    expect(daysLeft(one.cert, Date.now())).toBe(1);
    expect(daysLeft(one.cert, Date.now() + 10 * 86_400_000)).toBeLessThan(0);
  });
});

describe('where a gateway listens', () => {
  const host = '0.0.0.0';
  const tls = { tls_cert: 'c', tls_key: 'k' };
  it('is what is asked for, with keys and TLS; with keys and a named proxy, for that proxy', () => {
    expect(listenAddress({ host, auth: 'keys', ...tls })).toEqual({ host, port: 8000, reach: 'all' });
    expect(listenAddress({ host, auth: 'keys', trusted_proxies: ['10.0.0.1'] })).toMatchObject({
      host,
      reach: 'proxies',
    });
    expect(listenAddress({ host: 'gateway.example', auth: 'keys', ...tls })).toMatchObject({ host: 'gateway.example' });
  });

  it('is this machine without one of them, and the reason says which lines to write', () => {
    const loopback = { host: '127.0.0.1', reach: 'loopback' };
    expect(listenAddress({ host, ...tls })).toMatchObject({
      ...loopback,
      warning: expect.stringContaining('Set server.auth to keys'),
    });
    expect(listenAddress({ host, trusted_proxies: ['10.0.0.1'] })).toMatchObject({
      ...loopback,
      warning: expect.stringContaining('server.auth'),
    });
    expect(listenAddress({ host, auth: 'keys' })).toMatchObject({
      ...loopback,
      warning: expect.stringContaining('server.tls_cert and server.tls_key'),
    });
    expect(listenAddress({ host: '127.0.0.1', auth: 'keys', ...tls })).toEqual({ ...loopback, port: 8000 });
  });
});
