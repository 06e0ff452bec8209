// What certificates say, how they are made, and what is left of their files when something goes wrong.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deviceOf, deviceUri } from '../../../src/core/certificates/certificate-device.ts';
import { writeWhole } from '../../../src/core/certificates/whole-files.ts';
import { issue, newAuthority, newKey, newRequest, readRequest } from '../../../src/core/certificates/x509.ts';
import { readTls, TlsFiles } from '../../../src/core/remote/tls-files.ts';
import { authority } from '../../helpers/certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'afd-x509-'));
afterAll(() => rmSync(folder, { recursive: true }));
const NOW = Date.now();

async function made(lifetimeS = 3600, nowMs = NOW) {
  const own = await newAuthority(nowMs);
  const key = newKey();
  const issued = await issue((await readRequest(await newRequest(key)))!, own, { deviceId: 'w1', lifetimeS, nowMs });
  return { own, key, issued };
}

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('the device of a certificate', () => {
  const external = authority();
  const of = (names: string, subject?: string) => deviceOf(new X509Certificate(external.sign(names, 2, subject).cert));

  it.each([
    ['URI:afd://device/worker-001', undefined, 'worker-001'],
    ['DNS:worker-002,URI:afd://device/worker-001,URI:https://example.org/', '/CN=worker-003', 'worker-001'],
    ['DNS:worker-002', '/CN=worker-003', 'worker-003'],
    ['DNS:worker-002', '/O=afd/CN=w.1_2-3/OU=x', 'w.1_2-3'],
    ['URI:AFD://DEVICE/w1', undefined, 'w1'],
  ])('%s, %s: %s', (names, subject, device) => {
    expect(of(names, subject)).toBe(device);
  });

  it.each([
    ['two URIs', 'URI:afd://device/w1,URI:afd://device/w2', undefined],
    ['two common names', 'DNS:x', '/CN=w1/CN=w2'],
    ['a space', 'DNS:x', '/CN=w 1'],
    ['no name', 'DNS:x', '/O=afd'],
    ['a path below', 'URI:afd://device/w1/x', undefined],
    ['an empty id, whatever the common name', 'URI:afd://device/', '/CN=w1'],
    ['a long id', `URI:afd://device/${'w'.repeat(65)}`, undefined],
  ])('there is none: %s', (_what, names, subject) => {
    expect(of(names, subject)).toBeUndefined();
  });

  it('is not taken out of the middle of another name', () => {
    const spelled = (subjectAltName: string) =>
      deviceOf({ subjectAltName, toLegacyObject: () => ({ subject: { CN: 'cn' } }) } as unknown as X509Certificate);
    expect(spelled('DNS:"a, URI:afd://device/evil"')).toBe('cn');
    expect(spelled('DNS:"a\\", URI:afd://device/evil", URI:afd://device/w1')).toBe('w1');
    expect(spelled('DNS:a" URI:afd://device/evil')).toBeUndefined();
    expect(spelled('')).toBe('cn');
    expect(deviceUri('w1')).toBe('afd://device/w1');
  });
});

describe('a certificate that afd makes', () => {
  it('is good for openssl, for clients alone, and only as long as its authority', async () => {
    const { own, key, issued } = await made();
    const [ca, cert] = [file('ca.pem', own.cert), file('one.pem', issued.cert)];
    const verify = (purpose: string) => () =>
      execFileSync('openssl', ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', ca, cert], { stdio: 'pipe' });
    verify('sslclient')();
    expect(verify('sslserver')).toThrow();
    const read = new X509Certificate(issued.cert);
    expect([read.subject, read.subjectAltName, read.ca]).toEqual(['CN=w1', 'URI:afd://device/w1', false]);
    expect(Date.parse(read.validTo)).toBe(issued.endsMs);
    expect(read.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(issued.fingerprint);
    expect(new X509Certificate(own.cert).ca).toBe(true);
    const request = (await readRequest(await newRequest(key)))!;
    const late = await issue(request, own, { deviceId: 'w1', lifetimeS: 20 * 365 * 86_400, nowMs: NOW });
    expect(late.endsMs).toBe(Date.parse(new X509Certificate(own.cert).validTo));
  });

  it('begins before it is made, by a tenth of its life and five minutes at most', async () => {
    const early = async (lifetimeS: number) => {
      const { validFrom } = new X509Certificate((await made(lifetimeS, 1_800_000_000_000)).issued.cert);
      return 1_800_000_000_000 - Date.parse(validFrom);
    };
    expect([await early(10), await early(7 * 86_400)]).toEqual([1000, 300_000]);
  });

  it('needs a request of an EC P-256 key', async () => {
    const rsa = join(folder, 'rsa.key');
    const args = ['req', '-new', '-nodes', '-newkey', 'rsa:2048', '-keyout', rsa, '-subj', '/CN=x'];
    const csr = execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
    expect(await readRequest(csr)).toBeUndefined();
    const p384 = ['req', '-new', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-keyout', rsa];
    expect(
      await readRequest(execFileSync('openssl', [...p384, '-subj', '/CN=x'], { encoding: 'utf8', stdio: 'pipe' })),
    ).toBeUndefined();
    const p256 = p384.map((one) => one.replace('secp384r1', 'prime256v1'));
    expect(
      await readRequest(execFileSync('openssl', [...p256, '-subj', '/CN=x'], { encoding: 'utf8', stdio: 'pipe' })),
    ).toBeDefined();
  });
});

describe('the files of a device', () => {
  it('replace older ones whole, and leave nothing behind when they cannot be written', async () => {
    const path = file('whole', 'old', 0o644);
    await writeWhole(path, 'new', 'secret');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['new', 0o600]);
    await expect(writeWhole(join(folder, 'missing', 'x'), 'x', 'public')).rejects.toMatchObject({ code: 'E_FAILED' });
    // A folder stands where the file should be.
    await expect(writeWhole(folder, 'x', 'public')).rejects.toMatchObject({ code: 'E_FAILED' });
    expect(readdirSync(join(folder, '..')).filter((name) => name.startsWith(`${folder.split('/').at(-1)}.`))).toEqual(
      [],
    );
  });

  it('are refused with the reason', async () => {
    const { key, issued } = await made();
    const paths = { cert: file('c.pem', issued.cert), key: file('c.key', key) };
    expect(await readTls(paths)).toEqual({ cert: issued.cert, key });
    expect(await readTls({})).toEqual({});
    const cases: Array<[object, RegExp]> = [
      [{ cert: paths.cert }, /worker\.tls_key is not/],
      [{ key: paths.key }, /worker\.tls_cert is not/],
      [{ ...paths, key: file('other.key', newKey()) }, /c\.pem.*other\.key/],
      [{ ...paths, key: file('open.key', key, 0o640) }, /chmod 600/],
      [{ ...paths, cert: join(folder, 'none') }, /cannot be read/],
      [{ ca: paths.key }, /TLS cannot be used/],
    ];
    for (const [given, message] of cases)
      await expect(readTls(given)).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(message) });
  });

  it('are used as soon as they are read anew, and stay what they were while they cannot be used', async () => {
    const { own, key, issued } = await made();
    const paths = { cert: file('d.pem', issued.cert), key: file('d.key', key) };
    const files = new TlsFiles(paths);
    const first = await files.texts();
    expect(await files.texts(true)).toBe(first);
    writeFileSync(paths.cert, 'torn');
    expect(await files.texts(true)).toBe(first);
    const request = (await readRequest(await newRequest(key)))!;
    const next = await issue(request, own, { deviceId: 'w1', lifetimeS: 60, nowMs: NOW });
    writeFileSync(paths.cert, next.cert);
    expect(await files.texts(true)).toEqual({ cert: next.cert, key });
    await expect(new TlsFiles({ cert: 'x', key: 'y' }).texts()).rejects.toMatchObject({ code: 'E_CONFIG' });
  });
});
