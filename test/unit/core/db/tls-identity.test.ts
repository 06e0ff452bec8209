// The five rows of finding S3, by both ways to the server: the sessions of afd, and the one connection of the migrator.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { migrateUp } from '../../../../src/core/db/migrate/migrator.ts';
import { Session } from '../../../../src/core/db/session.ts';
import { tableNames } from '../../../../src/core/db/table-names.ts';
import { authority, type Certificate, certificateFor } from '../../../helpers/certificate.ts';
import { type FakeServer, fakeServer } from '../../../helpers/fake-server.ts';
import { load } from '../config/config-folder.ts';

const servers = new Map<string, { server: FakeServer; certificate: Certificate }>();
const NAMES = ['DNS:localhost', 'IP:127.0.0.1', 'DNS:db.other.example'];

beforeAll(async () => {
  for (const names of NAMES) {
    const certificate = certificateFor(names);
    servers.set(names, { certificate, server: await fakeServer({ tls: certificate }) });
  }
});
afterAll(() => {
  for (const { server } of servers.values()) server.close();
});

const WAYS = {
  'a session': async (address: Parameters<typeof migrateUp>[0]) => {
    const session = new Session({
      ...{ address, timeZone: '+00:00', idleTimeoutS: 10, deadlineMs: 5000, multiStatements: false },
    });
    onTestFinished(() => session.close());
    await session.ready();
  },
  'the migrator': async (address: Parameters<typeof migrateUp>[0]) => {
    await migrateUp(address, tableNames({ task: 'af_crawl_task', prefix: 'af_' }));
  },
};

/** What the server with this certificate saw of an attempt to log in, and how it ended. */
async function attempt(way: keyof typeof WAYS, names: string, host: string, tls: string, ca?: string) {
  const { server, certificate } = servers.get(names)!;
  const { database } = await load(
    `database: { host: "${host}", port: ${server.port}, user: afd, password: pw, name: afd, tls: ${tls}, tls_ca: ca.pem }`,
    { files: { 'ca.pem': ca ?? certificate.cert } },
  );
  const before = server.logins.length;
  const error = await WAYS[way](database).then(
    () => undefined,
    (one: Error & { code?: string }) => one,
  );
  const logins = server.logins.slice(before);
  return { logins: logins.map(({ secure }) => secure), code: error?.code, message: error?.message ?? '' };
}

describe.each(Object.keys(WAYS) as Array<keyof typeof WAYS>)('finding S3: %s', (way) => {
  it.each([
    ['DNS:localhost', '127.0.0.1', 'verify-full', /IP: 127\.0\.0\.1 is not in the cert's list/],
    ['DNS:db.other.example', 'localhost', 'verify-full', /localhost\. is not in the cert's altnames/],
  ])('refuses a certificate for %s at %s by %s, before it logs in', async (names, host, tls, why) => {
    // The second time a TLS session could be resumed.
    for (const _ of [1, 2]) {
      const { logins, code, message } = await attempt(way, names, host, tls);
      expect([logins, code]).toEqual([[], 'E_DATABASE']);
      expect(message).toMatch(why);
    }
  });

  it.each([
    ['IP:127.0.0.1', '127.0.0.1', 'verify-full'],
    ['DNS:localhost', 'localhost', 'verify-full'],
    ['DNS:db.other.example', 'localhost', 'verify-ca'],
    ['DNS:db.other.example', '127.0.0.1', 'verify-ca'],
  ])('accepts a certificate for %s at %s by %s, and logs in by TLS', async (names, host, tls) => {
    for (const _ of [1, 2]) {
      const { logins, code } = await attempt(way, names, host, tls);
      expect([logins, code]).toEqual([[true], 'E_FORBIDDEN']);
    }
  });

  it.each(['verify-ca', 'verify-full'])('refuses a certificate of another authority by %s', async (tls) => {
    const other = servers.get('DNS:localhost')!.certificate.cert;
    for (const host of ['127.0.0.1', 'localhost']) {
      const { logins, code } = await attempt(way, 'IP:127.0.0.1', host, tls, other);
      expect([logins, code]).toEqual([[], 'E_DATABASE']);
    }
  });
});

it.each([
  ['has expired', 'its certificate has expired', -1],
  ['is for another name', 'its certificate is for another name', 2],
] as const)('RB4: a certificate that %s is refused before the login, by its own sentence', async (_, why, days) => {
  const ca = authority();
  const fake = await fakeServer({ tls: ca.sign(days === -1 ? 'DNS:localhost' : 'DNS:db.other.example', days) });
  onTestFinished(() => fake.close());
  const { database } = await load(
    `database: { host: localhost, port: ${fake.port}, user: afd, password: pw, name: afd, tls_ca: ca.pem }`,
    { files: { 'ca.pem': ca.cert } },
  );
  await expect(WAYS['a session'](database)).rejects.toMatchObject({
    code: 'E_DATABASE',
    message: expect.stringContaining(why),
  });
  expect(fake.logins).toEqual([]);
});

it('RB4: a server that offers no TLS gets nothing', async () => {
  const fake = await fakeServer();
  onTestFinished(() => fake.close());
  const { database } = await load(
    `database: { host: localhost, port: ${fake.port}, user: afd, password: pw, name: afd, tls: verify-full }`,
  );
  await expect(WAYS['a session'](database)).rejects.toMatchObject({
    message: expect.stringContaining('the server offers no TLS'),
  });
  expect(fake.logins).toEqual([]);
});

it('finding S3: no connection resumes the TLS session of another, which would show no certificate', async () => {
  const { server, certificate } = servers.get('IP:127.0.0.1')!;
  const { database } = await load(
    `database: { host: 127.0.0.1, port: ${server.port}, user: afd, password: pw, name: afd, tls: verify-full, tls_ca: ca.pem }`,
    { files: { 'ca.pem': certificate.cert } },
  );
  const before = server.logins.length;
  // One address object, for which the driver would keep them.
  for (const _ of [1, 2, 3]) {
    await expect(WAYS['a session'](database)).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
  }
  expect(server.logins.length - before).toBe(3);
  expect(server.logins.slice(before).map(({ resumed }) => resumed)).toEqual([false, false, false]);
  const wrong = { ...database, certifiedHost: '127.0.0.2' };
  await expect(WAYS['a session'](wrong)).rejects.toMatchObject({ code: 'E_DATABASE' });
  expect(server.logins.length - before).toBe(3);
});
