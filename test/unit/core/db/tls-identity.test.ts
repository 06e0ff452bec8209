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

type Address = Parameters<typeof migrateUp>[0];
const WAYS = {
  'a session': async (address: Address) => {
    const session = new Session({
      ...{ address, timeZone: '+00:00', idleTimeoutS: 10, deadlineMs: 5000, multiStatements: false },
    });
    onTestFinished(() => session.close());
    await session.ready();
  },
  'the migrator': async (address: Address) => {
    await migrateUp(address, tableNames({ task: 'af_crawl_task', prefix: 'af_' }));
  },
};

async function addressOf(port: number, host: string, tls: string, ca = ''): Promise<Address> {
  const yaml = `database: { host: "${host}", port: ${port}, user: afd, password: pw, name: afd, tls: ${tls}${ca && ', tls_ca: ca.pem'} }`;
  return (await load(yaml, ca === '' ? {} : { files: { 'ca.pem': ca } })).database;
}

/** What the server with this certificate saw of an attempt to log in, and how it ended. */
async function attempt(way: keyof typeof WAYS, names: string, host: string, tls: string, ca?: string) {
  const { server, certificate } = servers.get(names)!;
  const before = server.logins.length;
  const error = await WAYS[way](await addressOf(server.port, host, tls, ca ?? certificate.cert)).then(
    () => undefined,
    (one: Error & { code?: string }) => one,
  );
  const logins = server.logins.slice(before).map(({ secure }) => secure);
  return { logins, code: error?.code, message: error?.message };
}

describe.each(Object.keys(WAYS) as Array<keyof typeof WAYS>)('finding S3: %s', (way) => {
  it.each([
    ['DNS:localhost', '127.0.0.1', /IP: 127\.0\.0\.1 is not in the cert's list/],
    ['DNS:db.other.example', 'localhost', /localhost\. is not in the cert's altnames/],
  ])('refuses a certificate for %s at %s by verify-full, before it logs in', async (names, host, why) => {
    const refused = { logins: [], code: 'E_DATABASE', message: expect.stringMatching(why) };
    expect(await attempt(way, names, host, 'verify-full')).toEqual(refused);
  });

  it.each([
    ['IP:127.0.0.1', '127.0.0.1', 'verify-full'],
    ['DNS:localhost', 'localhost', 'verify-full'],
    ['DNS:db.other.example', 'localhost', 'verify-ca'],
    ['DNS:db.other.example', '127.0.0.1', 'verify-ca'],
  ])('accepts a certificate for %s at %s by %s, and logs in by TLS', async (names, host, tls) => {
    expect(await attempt(way, names, host, tls)).toMatchObject({ logins: [true], code: 'E_FORBIDDEN' });
  });

  it.each(['verify-ca', 'verify-full'])('refuses a certificate of another authority by %s', async (tls) => {
    const other = servers.get('DNS:localhost')!.certificate.cert;
    const refused = { logins: [], code: 'E_DATABASE' };
    expect(await attempt(way, 'IP:127.0.0.1', '127.0.0.1', tls, other)).toMatchObject(refused);
  });
});

it.each([
  ['has expired', 'its certificate has expired', 'DNS:localhost', -1],
  ['is for another name', 'its certificate is for another name', 'DNS:db.other.example', 2],
])('RB4: a certificate that %s is refused before the login, by its own sentence', async (_, why, names, days) => {
  const ca = authority();
  const fake = await fakeServer({ tls: ca.sign(names, days) });
  onTestFinished(() => fake.close());
  const address = await addressOf(fake.port, 'localhost', 'verify-full', ca.cert);
  const refused = { code: 'E_DATABASE', message: expect.stringContaining(why) };
  await expect(WAYS['a session'](address)).rejects.toMatchObject(refused);
  expect(fake.logins).toEqual([]);
});

it('RB4: a server that offers no TLS gets nothing', async () => {
  const fake = await fakeServer();
  onTestFinished(() => fake.close());
  const address = await addressOf(fake.port, 'localhost', 'verify-full');
  await expect(WAYS['a session'](address)).rejects.toThrow('the server offers no TLS');
  expect(fake.logins).toEqual([]);
});

it('finding S3: no connection resumes the TLS session of another, which would show no certificate', async () => {
  const { server, certificate } = servers.get('IP:127.0.0.1')!;
  const address = await addressOf(server.port, '127.0.0.1', 'verify-full', certificate.cert);
  const before = server.logins.length;
  // One address object, for which the driver would keep them.
  for (const _ of [1, 2]) await expect(WAYS['a session'](address)).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
  const wrong = { ...address, certifiedHost: '127.0.0.2' };
  await expect(WAYS['a session'](wrong)).rejects.toMatchObject({ code: 'E_DATABASE' });
  expect(server.logins.slice(before).map(({ resumed }) => resumed)).toEqual([false, false]);
});
