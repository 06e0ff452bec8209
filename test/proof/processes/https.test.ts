// A gateway that speaks TLS, as a process.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { expect } from 'vitest';
import { certificateFor } from '../../helpers/certificate.ts';
import { it } from '../../helpers/fixture.ts';
import { type Fleet, fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { askHttps } from '../../helpers/https.ts';

const first = certificateFor('DNS:localhost,IP:127.0.0.1');
const second = certificateFor('DNS:localhost,IP:127.0.0.1');
const server = { tls_cert: 'cert.pem', tls_key: 'key.pem', auth: 'keys' };
const files = { 'cert.pem': first.cert, 'key.pem': first.key };

async function keyOf(afd: Fleet, role: string, ...more: string[]): Promise<string> {
  const { stdout, stderr, code } = await afd.run('keys', 'create', 'a test', '--role', role, ...more);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

it('answers over TLS 1.2 and above to those who have a key', async ({ db, onTestFinished, onTestFailed }) => {
  const afd = await fleet({ onTestFinished, onTestFailed }, db, { server, files });
  const { url } = await afd.serve();
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const tasks = (headers = {}) => askHttps(`${url}/api/v1/tasks`, { ca: first.cert, headers });
  expect(await tasks()).toMatchObject({ status: 401 });
  const answer = await tasks({ authorization: `Bearer ${await keyOf(afd, 'viewer')}` });
  expect([answer.status, answer.headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
  const at = { port: Number(new URL(url).port), host: '127.0.0.1', ca: first.cert, ciphers: 'DEFAULT@SECLEVEL=0' };
  const handshake = (maxVersion: SecureVersion) =>
    new Promise<string>((resolve) => {
      const socket = connect({ ...at, minVersion: 'TLSv1', maxVersion });
      socket.once('secureConnect', () => resolve(socket.getProtocol() ?? ''));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      onTestFinished(() => void socket.destroy());
    });
  expect(await handshake('TLSv1.3')).toBe('TLSv1.3');
  expect(await handshake('TLSv1.2')).toBe('TLSv1.2');
  expect(await handshake('TLSv1.1')).toMatch(/PROTOCOL_VERSION|ECONNRESET|ALERT/);
  await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
  expect(afd.complaints('warn').join()).toContain('neither an admin key nor an admin user');
});

it('takes over a renewed certificate; one that does not fit its key changes nothing', async ({
  db,
  onTestFinished,
  onTestFailed,
}) => {
  const afd = await fleet({ onTestFinished, onTestFailed }, db, { server, files });
  const { url, process } = await afd.serve();
  const write = (name: string, text: string) => writeFileSync(join(afd.dir, name), text);
  const health = ({ cert }: { cert: string }) => askHttps(`${url}/healthz`, { ca: cert });
  write('cert.pem', second.cert);
  await process.event('warning', (line) => line.message.includes('keeps its certificate'), MINUTES);
  expect((await health(first)).status).toBe(200);
  write('key.pem', second.key);
  await process.event('note', (line) => line.message === 'the gateway uses a renewed certificate', MINUTES);
  expect((await health(second)).status).toBe(200);
  await expect(health(first)).rejects.toThrow();
});
