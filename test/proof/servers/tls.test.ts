// What a server must show before afd logs in: real servers, whose certificate is exchanged while they run.
import { rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/core/config/load-config.ts';
import { Session } from '../../../src/core/db/session.ts';
import { type Authority, authority, certificateFor } from '../../helpers/certificate.ts';
import { addressOf } from '../../helpers/database.ts';
import { ownDirectory, type PrivateServer, privateServer } from '../../helpers/server.ts';

const ADMIN = ['localhost', '127.0.0.1'].map((at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`);
const SESSION = { timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 10_000, multiStatements: false };
const PASSWORD = 'correct-horse-battery';

let server: PrivateServer;
let admin: Session;
let dir: string;
let ca: Authority;

/** The certificate that the server shows from now on. */
async function show({ key, cert }: { key: string; cert: string }): Promise<void> {
  await writeFile(join(dir, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(dir, 'cert.pem'), cert);
  await admin?.write(server.kind === 'mysql' ? 'ALTER INSTANCE RELOAD TLS' : 'FLUSH SSL');
}

/** Connects as a configuration says; the cipher, or the error. */
async function open(database: Record<string, unknown>) {
  const { port } = addressOf(server.url.replace(/\?.*/, ''));
  const given = { host: 'localhost', port, user: 'tls', password: PASSWORD, name: 'afd', ...database };
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify({ database: given }), { mode: 0o600 });
  const { database: address } = await loadConfig({ file: join(dir, 'afd.yaml'), env: {}, cwd: dir });
  const session = new Session({ ...SESSION, address });
  try {
    await session.ready();
    const [row] = await session.rows<{ Value: string }>("SHOW STATUS LIKE 'Ssl_cipher'");
    return { cipher: row?.Value ?? '', code: '', message: '' };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { cipher: '', code, message };
  } finally {
    await session.close();
  }
}

/** Stands between: keeps what the client sends, and may change the greeting of the server. */
async function between(change: (greeting: Buffer) => Buffer = (same) => same) {
  const { port } = addressOf(server.url.replace(/\?.*/, ''));
  const sent: Buffer[] = [];
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(port!, '127.0.0.1');
    sockets.push(client, upstream);
    let first = true;
    upstream.on('data', (chunk) => {
      client.write(first ? change(chunk) : chunk);
      first = false;
    });
    client.on('data', (chunk) => {
      sent.push(chunk);
      upstream.write(chunk);
    });
    for (const one of [client, upstream])
      one.on('error', () => {}).on('close', () => [client, upstream].map((s) => s.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const one of sockets) one.destroy();
    proxy.close();
  });
  return { port: (proxy.address() as { port: number }).port, text: () => Buffer.concat(sent).toString('latin1') };
}

/** Takes CLIENT_SSL out of the server's capabilities: header, version, thread, scramble, filler, capabilities. */
function withoutTls(greeting: Buffer): Buffer {
  const changed = Buffer.from(greeting);
  const at = changed.indexOf(0, 5) + 1 + 4 + 8 + 1;
  changed.writeUInt16LE(changed.readUInt16LE(at) & ~0x800, at);
  return changed;
}

beforeAll(async () => {
  dir = await ownDirectory(tmpdir());
  ca = authority();
  await writeFile(join(dir, 'ca.pem'), ca.cert);
  await show(ca.sign('DNS:localhost'));
  server = await privateServer({
    setup: ADMIN,
    argv: ['ca', 'cert', 'key'].map((name) => `--ssl-${name}=${join(dir, `${name}.pem`)}`),
  });
  admin = new Session({ ...SESSION, address: addressOf(server.url) });
  await admin.ready();
  await admin.write(`CREATE USER 'tls'@'%' IDENTIFIED BY '${PASSWORD}'`);
  await admin.write("GRANT SELECT ON afd.* TO 'tls'@'%'");
}, 120_000);
afterAll(async () => {
  await admin?.close();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

const FULL = { tls: 'verify-full', tls_ca: 'ca.pem' };

describe.sequential('RB4: TLS to the database', () => {
  it('connects by verify-full, also where only tls_ca is set, and by verify-ca', async () => {
    for (const given of [FULL, { tls_ca: 'ca.pem' }, { tls: 'verify-ca', tls_ca: 'ca.pem', host: '127.0.0.1' }]) {
      expect((await open(given)).cipher).toMatch(/^\w/);
    }
  });

  it('is in clear on this machine without a word, and by the word disable', async () => {
    expect(await open({})).toEqual({ cipher: '', code: '', message: '' });
    expect(await open({ tls: 'disable' })).toEqual({ cipher: '', code: '', message: '' });
  });

  it('refuses a certificate for another name, and says what to set', async () => {
    const { code, message } = await open({ ...FULL, host: '127.0.0.1' });
    expect([code, message]).toEqual(['E_DATABASE', expect.stringContaining('its certificate is for another name')]);
    expect(message).toContain('database.tls: verify-ca');
  });

  it('refuses an authority that it does not know', async () => {
    const { code, message } = await open({ tls: 'verify-full' });
    expect([code, message]).toEqual(['E_DATABASE', expect.stringContaining('not signed by an authority')]);
    expect(message).toContain('Set database.tls_ca: FILE');
  });

  it('refuses a certificate that signs itself, by either mode', async () => {
    await show(certificateFor('DNS:localhost'));
    for (const given of [FULL, { ...FULL, tls: 'verify-ca' }]) {
      const { code, message } = await open(given);
      expect([code, message]).toEqual(['E_DATABASE', expect.stringContaining('not signed by an authority')]);
    }
  });

  it('refuses an expired certificate, by either mode', async () => {
    if (server.kind === 'mysql') {
      // A running MySQL does not take one; test/unit/core/db/tls-identity.test.ts has a server with one.
      await expect(show(ca.sign('DNS:localhost', -1))).rejects.toMatchObject({ errno: 3888 });
      await show(ca.sign('DNS:localhost'));
      return;
    }
    await show(ca.sign('DNS:localhost', -1));
    for (const given of [FULL, { ...FULL, tls: 'verify-ca' }]) {
      const { code, message } = await open(given);
      expect([code, message]).toEqual(['E_DATABASE', expect.stringContaining('its certificate has expired')]);
    }
    await show(ca.sign('DNS:localhost'));
    expect((await open(FULL)).cipher).toMatch(/^\w/);
  });

  it('sends nothing to a server that offers no TLS, or whose offer somebody in between took out', async () => {
    const middle = await between(withoutTls);
    for (const given of [FULL, { ...FULL, tls: 'verify-ca' }]) {
      const { code, message } = await open({ ...given, port: middle.port });
      expect([code, message]).toEqual(['E_DATABASE', expect.stringContaining('the server offers no TLS')]);
    }
    expect(middle.text()).toBe('');
    // By the explicit word alone.
    expect((await open({ tls: 'disable', port: middle.port })).code).toBe('');
  });

  it('never shows the password to somebody in between', async () => {
    for (const given of [FULL, { tls: 'disable' }]) {
      const middle = await between();
      if (server.kind === 'mysql') await admin.write('FLUSH PRIVILEGES');
      expect((await open({ ...given, port: middle.port })).code).toBe('');
      expect(middle.text()).not.toContain(PASSWORD);
    }
  });

  it('shows the certificate of the client to an account that requires one', async () => {
    await admin.write(`CREATE USER 'x509'@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE X509`);
    await admin.write("GRANT SELECT ON afd.* TO 'x509'@'%'");
    const client = ca.sign('DNS:client');
    await writeFile(join(dir, 'client.pem'), client.cert);
    await writeFile(join(dir, 'client-key.pem'), client.key, { mode: 0o600 });
    const shown = { tls_cert: 'client.pem', tls_key: 'client-key.pem' };
    expect((await open({ ...FULL, user: 'x509' })).code).toBe('E_FORBIDDEN');
    expect((await open({ ...FULL, ...shown, user: 'x509' })).cipher).toMatch(/^\w/);
  });

  it('by caching_sha2_password takes no key from a server of another machine, but one that is named', async ({
    skip,
  }) => {
    skip(server.kind !== 'mysql', 'MariaDB has no caching_sha2_password');
    const { port } = addressOf(server.url.replace(/\?.*/, ''));
    const attempt = async (publicKey: string | null) => {
      // The server forgets that it has seen the password.
      await admin.write('FLUSH PRIVILEGES');
      const address = { host: '127.0.0.1', port: port!, user: 'tls', password: PASSWORD, database: 'afd', publicKey };
      const session = new Session({ ...SESSION, address });
      return session.ready().then(
        () => session.close().then(() => 'in'),
        (error: { code: string }) => error.code,
      );
    };
    expect(await attempt(null)).toBe('E_CONFIG');
    const [row] = await admin.rows<{ Value: string }>("SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'");
    expect(await attempt(row!.Value)).toBe('in');
  });
});
