// From the authority to a worker that renews its certificate, with the commands that people type, as processes.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { certificateFor } from '../../helpers/certificate.ts';
import { spawnCommand } from '../../helpers/command.ts';
import { it } from '../../helpers/fixture.ts';
import { type Fleet, fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { shapeOf } from '../../helpers/json-shape.ts';
import { until } from '../../helpers/wait.ts';

/** RC1: as in test/commands/json-shapes.test.ts. */
const GOLDEN = fileURLToPath(new URL('../../golden/json/devices-enroll.json', import.meta.url));
const gateway = certificateFor('DNS:localhost,IP:127.0.0.1');
const files = { 'server.pem': gateway.cert, 'server.key': gateway.key };
const own = { tls_cert: 'server.pem', tls_key: 'server.key' };
const signing = { auth: 'keys', ...own, client_ca: 'afd-devices.pem', client_ca_key: 'afd-devices.key' };

async function ran(afd: Fleet, ...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await afd.run(...args);
  expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 0, expect.anything()]);
  return stdout;
}

const expectFits = (cert: string, key: string) =>
  expect(new X509Certificate(readFileSync(cert)).checkPrivateKey(createPrivateKey(readFileSync(key)))).toBe(true);
const invited = async (afd: Fleet, device: string) => (await ran(afd, 'devices', 'invite', device)).trim();

it(
  'a device is invited and enrolled, and its worker renews the certificate while it runs tasks',
  async ({ db, rows, session, onTestFinished, onTestFailed }) => {
    const afd = await fleet({ onTestFinished, onTestFailed }, db, {
      server: { ...signing, client_lifetime: 15 },
      files,
    });
    const made = await ran(afd, 'devices', 'ca');
    expect(made).toContain(`client_ca: ${join(afd.dir, 'afd-devices.pem')}`);
    expect(await afd.run('devices', 'ca')).toMatchObject({ code: 5 });
    expect(statSync(join(afd.dir, 'afd-devices.key')).mode & 0o777).toBe(0o600);
    const { url } = await afd.serve();
    const code = await invited(afd, 'far');
    const enroll = ['devices', 'enroll', '--gateway', url, '--code', code];
    // Without its authority the gateway is believed by nobody.
    expect(await afd.run(...enroll)).toMatchObject({ code: 69 });
    expect(await afd.run(...enroll, '--ca', 'server.pem', '--device-id', 'near')).toMatchObject({ code: 4 });
    expect(await ran(afd, ...enroll, '--ca', 'server.pem')).toContain(
      `  device_id: far\n  gateway: ${url}\n  tls_cert: afd-device.pem\n  tls_key: afd-device.key\n  tls_ca: server.pem\n`,
    );
    expect(await afd.run(...enroll, '--ca', 'server.pem')).toMatchObject({ code: 5 });
    expect(statSync(join(afd.dir, 'afd-device.key')).mode & 0o777).toBe(0o600);
    const env = {
      ...{ AFD_WORKER_GATEWAY: url, AFD_WORKER_TLS_CA: 'server.pem' },
      ...{ AFD_WORKER_TLS_CERT: 'afd-device.pem', AFD_WORKER_TLS_KEY: 'afd-device.key' },
    };
    const worker = afd.start('worker', { deviceId: 'far', env });
    const long = await rows.task({ task_type: 'work', task_data: '{"gate":"long"}' });
    await until(async () => (await rows.readTask(long))?.status === 'running', MINUTES);
    const { fingerprint256 } = new X509Certificate(readFileSync(join(afd.dir, 'afd-device.pem')));
    const first = fingerprint256.replaceAll(':', '').toLowerCase();
    await worker.event('note', (line) => /the certificate of this device was renewed/.test(line.message), MINUTES);
    const ended = `SELECT 1 FROM ${db.names.deviceCertificate} WHERE fingerprint = ? AND expires_at < UTC_TIMESTAMP(3)`;
    await until(async () => (await session.rows(ended, [first])).length === 1, MINUTES);
    const short = await rows.task({ task_type: 'work', task_data: '{"ms":1}' });
    await until(async () => (await rows.readTask(short))?.status === 'done', MINUTES);
    await afd.open('long');
    await until(async () => (await rows.readTask(long))?.status === 'done', MINUTES);
    expect((await afd.ledger()).filter((line) => line.task_id === long && line.what === 'start')).toHaveLength(1);
    expect(afd.complaints('warn').filter((line) => line.startsWith('far:'))).toEqual([]);
    const listed = await ran(afd, 'devices', 'certificates', 'ls', 'far');
    expect(listed).toMatch(/far +active/);
    expect(listed).toMatch(/far +expired/);
    expect(await ran(afd, 'devices', 'certificates', 'revoke', '--device', 'far')).toContain(
      'of the device far was revoked',
    );
    expect(await worker.exit).toMatchObject({ code: 4 });
    expect(worker.output).toMatch(/was revoked at|E_CERTIFICATE/);
  },
  2 * MINUTES,
);

it(
  'enrolment that is killed at any moment leaves a pair that fits, and the same command finishes it',
  async ({ db, session, onTestFinished, onTestFailed }) => {
    const afd = await fleet({ onTestFinished, onTestFailed }, db, { server: signing, files });
    await ran(afd, 'devices', 'ca');
    const { url } = await afd.serve();
    const [cert, key] = [join(afd.dir, 'afd-device.pem'), join(afd.dir, 'afd-device.key')];
    const args = ['devices', 'enroll', '--gateway', url, '--ca', 'server.pem', '--code', await invited(afd, 'far')];
    const issued = async () => (await session.rows(`SELECT 1 FROM ${db.names.deviceCertificate}`)).length;
    const moments = [async () => existsSync(key), async () => (await issued()) > 0];
    for (const reached of moments) {
      const child = spawnCommand(args, { cwd: afd.dir });
      const gone = once(child, 'exit');
      await until(reached, MINUTES);
      child.kill('SIGKILL');
      await gone;
      if (existsSync(cert)) expectFits(cert, key);
    }
    if (!existsSync(cert)) await ran(afd, ...args);
    expectFits(cert, key);
    for (const file of [cert, key]) rmSync(file);
    const again = [...args.slice(0, -1), await invited(afd, 'far'), '--json'];
    const shape = shapeOf(JSON.parse(await ran(afd, ...again)));
    await expect(`${JSON.stringify(shape, null, 2)}\n`).toMatchFileSnapshot(GOLDEN);
  },
  2 * MINUTES,
);
