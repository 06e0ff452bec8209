import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import { daysLeft, readCertificate } from '../../../src/gateway/server/certificate.ts';
import { certificateFor } from '../../helpers/certificate.ts';
import { folder } from '../core/config/config-folder.ts';

const [one, other] = [certificateFor('DNS:localhost'), certificateFor('DNS:localhost')];

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
    ['a key that everybody can read', () => read(files(one.cert, one.key, 0o644)), /by everybody: run chmod 600/],
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
