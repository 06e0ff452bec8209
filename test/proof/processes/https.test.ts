// A gateway that speaks TLS, as a process.
import { writeFileSync } from 'node:fs';
import { type Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { expect } from 'vitest';
import { certificateFor } from '../../helpers/certificate.ts';
import { it } from '../../helpers/fixture.ts';
import { type Fleet, fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { until } from '../../helpers/wait.ts';

const first = certificateFor('DNS:localhost,IP:127.0.0.1');
const second = certificateFor('DNS:localhost,IP:127.0.0.1');
const server = { tls_cert: 'cert.pem', tls_key: 'key.pem', auth: 'keys' };
const files = { 'cert.pem': first.cert, 'key.pem': first.key };

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

function ask(url: string, ca: string, headers: Record<string, string> = {}, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, headers, agent: agent ?? false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function keyOf(afd: Fleet, role: string, ...more: string[]): Promise<string> {
  const { stdout, stderr, code } = await afd.run('keys', 'create', 'a test', '--role', role, ...more);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

it('answers over TLS 1.2 and above to those who have a key', async ({ db, onTestFinished, onTestFailed }) => {
  const afd = await fleet({ onTestFinished, onTestFailed }, db, { server, files });
  const { url } = await afd.serve();
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(await ask(`${url}/api/v1/tasks`, first.cert)).toMatchObject({ status: 401 });
  const authorization = `Bearer ${await keyOf(afd, 'viewer')}`;
  const answer = await ask(`${url}/api/v1/tasks`, first.cert, { authorization });
  expect([answer.status, answer.headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
  const port = Number(new URL(url).port);
  const handshake = (maxVersion: SecureVersion) =>
    new Promise<string>((resolve) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca: first.cert,
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      socket.once('secureConnect', () => resolve(socket.getProtocol() ?? ''));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      onTestFinished(() => void socket.destroy());
    });
  expect(await handshake('TLSv1.3')).toBe('TLSv1.3');
  expect(await handshake('TLSv1.2')).toBe('TLSv1.2');
  expect(await handshake('TLSv1.1')).toMatch(/PROTOCOL_VERSION|ECONNRESET|ALERT/);
  await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
  expect(afd.complaints('warn').filter((line) => line.includes('neither an admin key nor an admin user'))).toHaveLength(
    1,
  );
});

it(
  'takes over a renewed certificate; one that does not fit its key changes nothing',
  async ({ db, onTestFinished, onTestFailed }) => {
    const afd = await fleet({ onTestFinished, onTestFailed }, db, { server, files });
    const { url, process } = await afd.serve();
    const write = (name: string, text: string) => writeFileSync(join(afd.dir, name), text);
    write('cert.pem', second.cert);
    await process.event('warning', (line) => line.message.includes('keeps its certificate'), MINUTES);
    expect((await ask(`${url}/healthz`, first.cert)).status).toBe(200);
    write('key.pem', second.key);
    await process.event('note', (line) => line.message === 'the gateway uses a renewed certificate', MINUTES);
    expect((await ask(`${url}/healthz`, second.cert)).status).toBe(200);
    await expect(ask(`${url}/healthz`, first.cert)).rejects.toThrow();
  },
  MINUTES,
);

it(
  'a remote worker runs tasks over it, and the gateway stops in order',
  async ({ db, rows, onTestFinished, onTestFailed }) => {
    const afd = await fleet({ onTestFinished, onTestFailed }, db, { server, files });
    const { url, process } = await afd.serve();
    const api_key = await keyOf(afd, 'device', '--device', 'far');
    const env = {
      AFD_WORKER_GATEWAY: url,
      AFD_MASTER_API_KEY: api_key,
      NODE_EXTRA_CA_CERTS: join(afd.dir, 'cert.pem'),
    };
    const worker = afd.start('worker', { deviceId: 'far', env });
    const id = await rows.task({ task_type: 'work', task_data: '{"ms":10}' });
    await until(async () => (await rows.readTask(id))?.status === 'done', MINUTES);
    worker.kill('SIGTERM');
    expect(await worker.exit).toMatchObject({ code: 0 });
    process.kill('SIGTERM');
    expect(await process.exit).toMatchObject({ code: 0 });
  },
  MINUTES,
);
