// What a server in clear learns of the password: nothing that it could log in with.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DatabaseAddress, Session } from '../../../../src/core/db/session.ts';
import { type FakeConnection, type FakeServerOptions, fakeServer } from '../../../helpers/fake-server.ts';

const PASSWORD = 'correct horse battery staple';
const SCRAMBLE = '12345678123456789012';
const switchTo = (plugin: string) => Buffer.from(`\xfe${plugin}\0${SCRAMBLE}\0`, 'latin1');
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

/** Logs in; what the server got, and the error. */
async function login(onLogin: FakeServerOptions['onLogin'], address: Partial<DatabaseAddress> = {}) {
  const got: Buffer[] = [];
  const server = await fakeServer({
    onLogin(payload, connection) {
      got.push(payload);
      onLogin?.(payload, connection);
    },
  });
  onTestFinished(() => server.close());
  const session = new Session({
    address: { host: '127.0.0.1', port: server.port, user: 'u', password: PASSWORD, database: 'afd', ...address },
    ...{ timeZone: '+00:00', idleTimeoutS: 10, deadlineMs: 2000, multiStatements: false },
  });
  onTestFinished(() => session.close());
  const error = await session.ready().then(
    () => undefined,
    (one: Error & { code: string }) => one,
  );
  return { got, error, text: Buffer.concat(got).toString('latin1') };
}

it('a server that asks for the password in clear gets none', async () => {
  const { error, text, got } = await login((_, connection) => connection.send(switchTo('mysql_clear_password')));
  expect(error?.code).toMatch(/^E_/);
  expect([got.length, text.includes(PASSWORD)]).toEqual([1, false]);
});

/** The server's part of caching_sha2_password or sha256_password, as far as the encrypted password. */
function asksForAll(plugin: 'caching_sha2_password' | 'sha256_password') {
  return (payload: Buffer, connection: FakeConnection) => {
    const asked = payload.length === 1 && (payload[0] === 2 || payload[0] === 1);
    if (asked) return connection.send(Buffer.from(`\x01${pem}`));
    if (payload.length === 32) return connection.send(Buffer.from([1, 4]));
    if (payload.length === 256) return connection.ok();
    return connection.send(switchTo(plugin));
  };
}

describe.each(['caching_sha2_password', 'sha256_password'] as const)(
  'a server of another machine that asks for %s',
  (plugin) => {
    it('gets the password neither in clear nor by a key of its own', async () => {
      const { error, text, got } = await login(asksForAll(plugin), { publicKey: null });
      expect(error?.code).toBe('E_CONFIG');
      expect(error?.message).toMatch(/database\.tls: verify-ca.*database\.server_public_key: FILE/);
      expect([text.includes(PASSWORD), got.some((one) => one.length === 256)]).toEqual([false, false]);
    });

    it('gets it encrypted with the key that the configuration names, without being asked for one', async () => {
      const { got, text } = await login(asksForAll(plugin), { publicKey: pem });
      const sent = got.filter((one) => one.length === 256);
      expect([text.includes(PASSWORD), sent.length, got.some((one) => one.length === 1)]).toEqual([false, 1, false]);
    });
  },
);
