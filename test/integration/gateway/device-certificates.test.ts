// Devices that show a certificate: whom a gateway believes, for what, and until when.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { inviteDevice } from '../../../src/core/certificates/issue-certificates.ts';
import { makeAuthority } from '../../../src/core/certificates/make-authority.ts';
import { revoke } from '../../../src/core/certificates/manage-certificates.ts';
import { newKey, newRequest } from '../../../src/core/certificates/x509.ts';
import { readProjectFile } from '../../contracts/project-files.ts';
import { type Access, eachWithAccess } from '../../helpers/access.ts';
import { actor } from '../../helpers/actor.ts';
import { authority, type Certificate, certificateFor } from '../../helpers/certificate.ts';
import { it } from '../../helpers/fixture.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { examplesOf, unlike } from '../../helpers/http-examples.ts';
import { askHttps, type HttpsAsk } from '../../helpers/https.ts';
import { until } from '../../helpers/wait.ts';
import { folder as newFolder } from '../../unit/core/config/config-folder.ts';

const page = examplesOf(readProjectFile('docs/reference/http.md') ?? '');
const server = certificateFor('DNS:localhost,IP:127.0.0.1');
const external = authority();

let { given, context, start, keyOf } = {} as Access;
let folder: string;
let gateway: TestGateway;

eachWithAccess((opened) => ({ given, context, start, keyOf } = opened));
it.beforeEach(() => {
  folder = newFolder({ 'server.pem': server.cert, 'server.key': server.key, 'ca.pem': external.cert });
});

const path = (name: string) => join(folder, name);
const write = (name: string, text: string) => writeFileSync(path(name), text, { mode: 0o600 });

async function serve(more: Record<string, unknown> = {}): Promise<void> {
  const tls = { tls_cert: path('server.pem'), tls_key: path('server.key') };
  gateway = await start({ ...tls, client_ca: path('ca.pem'), ...more });
}

/** With an authority of its own. */
async function serveSigning(more: Record<string, unknown> = {}): Promise<void> {
  const { client_ca, client_ca_key } = await makeAuthority(path('own'));
  await serve({ client_ca, client_ca_key, ...more });
}

const ask = (where: string, with_: Omit<HttpsAsk, 'ca'> = {}) =>
  askHttps(`${gateway.url}/api/v1${where}`, { ca: server.cert, ...with_ });
const register = (device_id: string, with_: Omit<HttpsAsk, 'ca'>) =>
  ask('/devices/register', { ...with_, body: { device_id, capabilities: {} } });
const of = (id: string) => external.sign(`URI:afd://device/${id}`);
const invited = async (device_id: string) =>
  (await inviteDevice(context, { device_id, lifetimeS: 3600 }, actor())).code;
const enroll = async (code: string, key = newKey(), more: object = {}) =>
  ask('/devices/enroll', { body: { code, csr: await newRequest(key), ...more } });

/** As a device does. */
async function enrolled(device: string): Promise<Certificate & { code: string; answer: unknown }> {
  const code = await invited(device);
  const key = newKey();
  const { status, json } = await enroll(code, key);
  expect([status, json.detail]).toEqual([200, undefined]);
  return { key, cert: json.certificate, code, answer: json };
}

const roleRefused = { status: 403, json: { code: 'E_ROLE' } };
const refusedAs = (detail: string) => ({
  status: 401,
  json: { code: 'E_CERTIFICATE', detail: expect.stringContaining(detail) },
});
/** What w1 sends over one connection. */
function connection(one: Certificate) {
  const agent = new Agent({ ca: server.cert, cert: one.cert, key: one.key, keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return {
    register: () => register('w1', { agent }),
    beat: () => ask('/devices/w1/heartbeat', { agent, body: {} }),
  };
}

describe('RB7 the certificate of a device', () => {
  it('is for that device, whichever part of the request names it', async () => {
    await serve();
    const w1 = of('w1');
    expect((await register('w1', w1)).status).toBe(200);
    expect(await register('w2', w1)).toMatchObject({
      json: { code: 'E_ROLE', detail: expect.stringContaining('is for the device w1; the request names w2') },
    });
    expect(gateway.lines.join()).toMatch(/127\.0\.0\.1: The certificate [0-9a-f]{16}… is for the device w1/);
    expect((await ask('/devices/w1/heartbeat', { ...w1, body: {} })).status).toBe(200);
    expect((await ask('/tasks/next?device_id=w1', w1)).status).toBe(204);
    for (const [where, body] of [
      ['/devices/w2/heartbeat', {}],
      ['/tasks/next?device_id=w2', undefined],
      ['/tasks/1/result', { device_id: 'w2', status: 'completed' }],
      ['/tasks', undefined],
    ] as const)
      expect(await ask(where, { ...w1, body })).toMatchObject(roleRefused);
  });

  it('that is none, or of nobody whom the gateway believes, is refused, a key or not', async () => {
    await serve();
    expect(await register('w1', {})).toMatchObject({ status: 401, json: { code: 'E_KEY' } });
    const { headers } = await keyOf('admin');
    for (const [one, detail] of [
      [authority().sign('URI:afd://device/w1'), 'is not accepted'],
      [external.sign('URI:afd://device/w1', -1), 'is not accepted (CERT_HAS_EXPIRED)'],
      [external.sign('DNS:localhost'), 'does not name one device'],
    ] as const) {
      expect(await register('w1', one)).toMatchObject(refusedAs(detail));
      expect(await ask('/tasks', { ...one, headers })).toMatchObject(refusedAs(detail));
    }
    const refusals = () => gateway.lines.filter((line) => line.includes('"code":"E_CERTIFICATE"')).length;
    await until(async () => refusals() === 6, undefined, 'a line of the access log for each');
    expect((await askHttps(`${gateway.url}/healthz`, { ca: server.cert })).status).toBe(200);
  });

  it('and a key that come together are of the same device', async () => {
    await serve();
    const [w1, w2] = [of('w1'), of('w2')];
    const { headers } = await keyOf('device', 'w1');
    expect((await register('w1', { ...w1, headers })).status).toBe(200);
    for (const id of ['w1', 'w2']) expect(await register(id, { ...w2, headers })).toMatchObject(roleRefused);
    const any = await keyOf('device');
    expect((await register('w2', { ...w2, headers: any.headers })).status).toBe(200);
    expect(await register('w3', { ...w2, headers: any.headers })).toMatchObject(roleRefused);
    expect((await ask('/tasks', { ...w1, headers: (await keyOf('viewer')).headers })).status).toBe(200);
  });

  it('can be a must for devices, and stays none for others', async () => {
    await serve({ client_certificates: 'required' });
    const { headers } = await keyOf('device', 'w1');
    expect(await register('w1', { headers })).toMatchObject(refusedAs(''));
    expect((await register('w1', { ...of('w1'), headers })).status).toBe(200);
    expect((await ask('/tasks', { headers: (await keyOf('viewer')).headers })).status).toBe(200);
  });

  it('is refused within seconds after it was revoked, over the same connection too, and stays so', async () => {
    await serve();
    const w1 = of('w1');
    const open = connection(w1);
    expect((await open.register()).status).toBe(200);
    const which = { fingerprint: new X509Certificate(w1.cert).fingerprint256, device_id: undefined };
    const [row] = await revoke(context, which, actor());
    expect(row).toMatchObject({ device_id: null, active: false, revoked_by: 'test' });
    await until(async () => (await open.beat()).status === 401);
    expect(await open.beat()).toMatchObject(refusedAs('was revoked at'));
    expect(await revoke(context, which, actor('another'))).toEqual([row]);
  });

  it('is refused when its authority goes, or a revocation list names it, on open connections too', async () => {
    write('ca.crl', external.revoke());
    await serve({ client_crl: path('ca.crl') });
    const [w1, w2] = [of('w1'), of('w2')];
    const open = connection(w1);
    expect((await open.register()).status).toBe(200);
    write('ca.crl', external.revoke(w1.cert));
    await until(() => gateway.lines.some((line) => line.includes('new authorities of device certificates')));
    // The connection that was opened before is cut, perhaps under a request.
    await until(async () => (await open.beat().catch(() => undefined))?.json?.code === 'E_CERTIFICATE');
    const answered = (one: Certificate, status: number) =>
      until(async () => (await register('w2', one).catch(() => undefined))?.status === status);
    await answered(w2, 200);
    const other = authority();
    write('ca.crl', other.revoke());
    write('ca.pem', other.cert);
    await answered(w2, 401);
    await answered(other.sign('URI:afd://device/w2'), 200);
  });
});

describe('enrolment', () => {
  it('gives the device of the code a certificate, which it renews', async () => {
    await serveSigning();
    const one = await enrolled('w1');
    expect(one.answer).toMatchObject({ device_id: 'w1', lifetime: 7 * 86_400 });
    expect((await register('w1', one)).status).toBe(200);
    expect((await register('w2', one)).status).toBe(403);
    const csr = await newRequest(one.key);
    const renewed = await ask('/devices/w1/certificate', { ...one, body: { csr } });
    const shown = (id: string) => JSON.parse(page.find((each) => each.id === id)!.answers[0]!.text!);
    expect(unlike(one.answer, shown('enrollDevice'))).toEqual([]);
    expect(unlike(renewed.json, shown('renewCertificate'))).toEqual([]);
    const next = { key: one.key, cert: renewed.json.certificate };
    expect((await ask('/devices/w1/heartbeat', { ...next, body: {} })).status).toBe(200);
    // A key of the device is not enough.
    const { headers } = await keyOf('device', 'w1');
    expect((await ask('/devices/w1/certificate', { headers, body: { csr } })).status).toBe(409);
    const { deviceCertificate } = given.db.names;
    const rows = await given.session.rows(`SELECT device_id, issued_by FROM ${deviceCertificate} ORDER BY id`);
    const { fingerprint } = one.answer as { fingerprint: string };
    expect(rows).toEqual(['test', fingerprint].map((issued_by) => ({ device_id: 'w1', issued_by })));
  });

  it('refuses a code that is unknown, used, expired, or for another device', async () => {
    await serveSigning();
    const one = await enrolled('w1');
    expect(await enroll(one.code)).toMatchObject({ status: 409, json: { detail: /used already/ } });
    // Whose answer was lost asks again.
    expect(await enroll(one.code, one.key)).toMatchObject({ status: 200 });
    expect(await enroll('0123456789')).toMatchObject({ status: 404 });
    const [code, key] = [await invited('w2'), newKey()];
    const other = await enroll(code, key, { device_id: 'w1' });
    expect(other).toMatchObject({ status: 403, json: { code: 'E_ROLE', detail: /for the device w2, not for w1/ } });
    // It was not used by that.
    expect(await enroll(code, key, { device_id: 'W2' })).toMatchObject({ status: 200, json: { device_id: 'w2' } });
    const { deviceInvitation } = given.db.names;
    await given.session.write(`UPDATE ${deviceInvitation} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND`);
    expect(await enroll(code, key)).toMatchObject({ status: 409, json: { detail: /expired at/ } });
    const stored = await given.session.rows(`SELECT * FROM ${deviceInvitation}`);
    expect(stored.flatMap((row) => Object.values(row).map(String)).join()).not.toContain(code);
  });

  it('gives a code to one of many who bring it at once', async () => {
    await serveSigning();
    const code = await invited('w1');
    const answers = await Promise.all(Array.from({ length: 10 }, () => enroll(code)));
    expect(answers.map((one) => one.status).sort()).toEqual([200, ...Array(9).fill(409)]);
  });

  it('needs the key of the authority', async () => {
    await serve();
    expect(await enroll(await invited('w1'))).toMatchObject({
      status: 409,
      json: { detail: /client_ca_key is not set/ },
    });
  });

  it('ends with the certificates of the device: the code gets nothing more, and they renew nothing', async () => {
    await serveSigning();
    const one = await enrolled('w1');
    const rows = await revoke(context, { fingerprint: undefined, device_id: 'w1' }, actor());
    expect(rows).toEqual([expect.objectContaining({ device_id: 'w1', active: false })]);
    // The database is asked in the same moment, whatever the gateway still remembers.
    const body = { csr: await newRequest(one.key) };
    expect(await ask('/devices/w1/certificate', { ...one, body })).toMatchObject(refusedAs(''));
    expect(await enroll(one.code, one.key)).toMatchObject({ status: 409 });
    for (const [fingerprint, device_id, code] of [
      [undefined, 'w9', 'E_NOT_FOUND'],
      ['abc', undefined, 'E_USAGE'],
    ])
      await expect(revoke(context, { fingerprint, device_id }, actor())).rejects.toMatchObject({ code });
  });

  it('is known to the database: one of its authority that is not there is refused', async () => {
    await serveSigning();
    const one = await enrolled('w1');
    await given.session.write(`DELETE FROM ${given.db.names.deviceCertificate}`);
    expect(await register('w1', one)).toMatchObject(refusedAs('is not in the database'));
  });

  it('expires, on a connection that is older too', async () => {
    await serveSigning({ client_lifetime: 10 });
    const open = connection(await enrolled('w1'));
    expect((await open.register()).status).toBe(200);
    await until(async () => (await open.beat()).status === 401, 30_000);
    expect(await open.beat()).toMatchObject(refusedAs('expired at'));
  }, 60_000);
});

describe('a gateway does not start', () => {
  it.for<[string, () => Record<string, unknown>, RegExp]>([
    ['auth: none', () => ({ auth: 'none' }), /server\.client_ca needs server\.auth: keys/],
    ['no TLS', () => ({ tls_cert: undefined, tls_key: undefined }), /server\.client_ca needs server\.tls_cert/],
    ['required, and no authority', () => ({ client_ca: undefined, client_certificates: 'required' }), /is not set/],
    ['a key, and no authority', () => ({ client_ca: undefined, client_ca_key: path('x') }), /client_ca is not/],
    ['a key of another', () => ({ client_ca_key: path('server.key') }), /not the key of the first certificate/],
    ['no certificate', () => ({ client_ca: path('server.key') }), /cannot be used/],
    ['no list', () => ({ client_crl: path('server.key') }), /cannot be used/],
    ['no file', () => ({ client_ca: path('nothing') }), /cannot be read/],
  ])('with %s', async ([, more, message]) => {
    await expect(serve(more())).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(message) });
  });
});
