// What a server must show before afd logs in: real servers, whose certificate is exchanged while they run.
import { rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/core/config/load-config.ts';
import { Session } from '../../../src/core/db/session.ts';
import { type AdminServer, adminServer } from '../../helpers/admin-server.ts';
import { type Authority, authority, certificateFor } from '../../helpers/certificate.ts';
import { runCommand } from '../../helpers/command.ts';
import { ownDirectory } from '../../helpers/server.ts';

const SESSION = { timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 10_000, multiStatements: false };
const PASSWORD = 'correct-horse-battery';

let own: AdminServer;
let dir: string;
let ca: Authority;
let port: number;

/** The certificate that the server shows from now on. */
async function show({ key, cert }: { key: string; cert: string }): Promise<void> {
  await writeFile(join(dir, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(dir, 'cert.pem'), cert);
  await own?.admin.write(own.server.kind === 'mysql' ? 'ALTER INSTANCE RELOAD TLS' : 'FLUSH SSL');
}

/** Connects as a configuration says; the cipher, or the error. */
async function open(database: Record<string, unknown>) {
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
const refused = (text: string) => ({ code: 'E_DATABASE', message: expect.stringContaining(text) });

/** Stands between: keeps what the client sends, and may change the greeting of the server. */
async function between(change: (greeting: Buffer) => Buffer = (same) => same) {
  const sent: Buffer[] = [];
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    sockets.push(client, upstream);
    upstream.once('data', (chunk) => {
      client.write(change(chunk));
      upstream.pipe(client);
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
  own = await adminServer(['ca', 'cert', 'key'].map((name) => `--ssl-${name}=${join(dir, `${name}.pem`)}`));
  port = Number(new URL(own.server.url).port);
  for (const [user, more] of [
    ['tls', ''],
    ['x509', 'REQUIRE X509'],
  ]) {
    await own.admin.write(`CREATE USER '${user}'@'%' IDENTIFIED BY '${PASSWORD}' ${more}`);
    await own.admin.write(`GRANT ALL ON afd.* TO '${user}'@'%'`);
  }
}, 120_000);
afterAll(async () => {
  await own?.stop();
  await rm(dir, { recursive: true, force: true });
});

const FULL = { tls: 'verify-full', tls_ca: 'ca.pem' };
const EITHER = [FULL, { ...FULL, tls: 'verify-ca' }];

describe.sequential('RB4: TLS to the database', () => {
  it('connects by verify-full, also where only tls_ca is set, and by verify-ca; in clear on this machine alone', async () => {
    for (const given of [FULL, { tls_ca: 'ca.pem' }, { tls: 'verify-ca', tls_ca: 'ca.pem', host: '127.0.0.1' }])
      expect((await open(given)).cipher).toMatch(/^\w/);
    for (const given of [{}, { tls: 'disable' }])
      expect(await open(given)).toEqual({ cipher: '', code: '', message: '' });
  });

  it('refuses a certificate for another name, of an authority that it does not know, or expired, and says what to set', async () => {
    expect(await open({ ...FULL, host: '127.0.0.1' })).toMatchObject(refused('its certificate is for another name'));
    expect(await open({ ...FULL, host: '127.0.0.1' })).toMatchObject(refused('database.tls: verify-ca'));
    expect(await open({ tls: 'verify-full' })).toMatchObject(refused('Set database.tls_ca: FILE'));
    await show(certificateFor('DNS:localhost'));
    for (const given of EITHER) expect(await open(given)).toMatchObject(refused('not signed by an authority'));
    // A running MySQL does not take one that has expired; test/unit/core/db/tls-identity.test.ts has a server with one.
    if (own.server.kind === 'mariadb') {
      await show(ca.sign('DNS:localhost', -1));
      for (const given of EITHER) expect(await open(given)).toMatchObject(refused('its certificate has expired'));
    }
    await show(ca.sign('DNS:localhost'));
  });

  it('sends nothing to a server that offers no TLS, or whose offer somebody in between took out', async () => {
    const middle = await between(withoutTls);
    for (const given of EITHER)
      expect(await open({ ...given, port: middle.port })).toMatchObject(refused('the server offers no TLS'));
    expect(middle.text()).toBe('');
    // By the explicit word alone.
    expect((await open({ tls: 'disable', port: middle.port })).code).toBe('');
  });

  it('never shows the password to somebody in between', async () => {
    for (const given of [FULL, { tls: 'disable' }]) {
      const middle = await between();
      if (own.server.kind === 'mysql') await own.admin.write('FLUSH PRIVILEGES');
      expect((await open({ ...given, port: middle.port })).code).toBe('');
      expect(middle.text()).not.toContain(PASSWORD);
    }
  });

  it('shows the certificate of the client to an account that requires one', async () => {
    const client = ca.sign('DNS:client');
    await writeFile(join(dir, 'client.pem'), client.cert);
    await writeFile(join(dir, 'client-key.pem'), client.key, { mode: 0o600 });
    const shown = { tls_cert: 'client.pem', tls_key: 'client-key.pem' };
    expect((await open({ ...FULL, user: 'x509' })).code).toBe('E_FORBIDDEN');
    expect((await open({ ...FULL, ...shown, user: 'x509' })).cipher).toMatch(/^\w/);
  });
});

describe.sequential('finding S3: a server that is named by its address', () => {
  const afd = async (at: string, words: string, tls = 'verify-full') => {
    await writeFile(join(dir, 'afd.yaml'), 'handlers: { a: { exec: ["true"] } }\n', { mode: 0o600 });
    const env = {
      AFD_DATABASE_URL: `mysql://tls:${PASSWORD}@${at}:${port}/afd?tls=${tls}`,
      AFD_DATABASE_TLS_CA: join(dir, 'ca.pem'),
    };
    const { code, stdout } = await runCommand([...words.split(' '), '--json'], { cwd: dir, env });
    return { code, json: stdout === '' ? {} : JSON.parse(stdout) };
  };

  it('serves a fleet by verify-full, and not under a name that its certificate does not have', async () => {
    await show(ca.sign('IP:127.0.0.1'));
    for (const words of ['migrate up', 'tasks add --type a'])
      expect([words, (await afd('127.0.0.1', words)).code]).toEqual([words, 0]);
    expect(await afd('127.0.0.1', 'worker --once')).toMatchObject({ code: 0, json: { finished: { done: 1 } } });
    for (const words of ['status', 'migrate up', 'worker --once --wait-database 0s']) {
      const { code, json } = await afd('localhost', words);
      expect([words, code, json.error.message]).toEqual([words, 69, expect.stringContaining('is for another name')]);
    }
    expect((await afd('localhost', 'status', 'verify-ca')).code).not.toBe(69);
  });
});
