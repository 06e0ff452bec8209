// The three settings of docs/guide/security.md: their files and commands as they stand, on a server that speaks TLS, with the accounts
// that the guide makes, and with nginx and HAProxy in front. Only names, ports and folders are those of this machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as collect } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readProjectFile } from '../../contracts/project-files.ts';
import { type AdminServer, adminServer } from '../../helpers/admin-server.ts';
import { authority } from '../../helpers/certificate.ts';
import { BIN } from '../../helpers/command.ts';
import { MINUTES, Process } from '../../helpers/fleet-process.ts';
import { askHttps } from '../../helpers/https.ts';
import { freePort, noProxy, PROXIES, type RunningProxy, startProxyWith } from '../../helpers/proxy-programs.ts';
import { NO_PRIVATE_SERVER } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

const PASSWORD = 'a password of the guide';
const page = readProjectFile('docs/guide/security.md') ?? '';
const ca = authority();
const leaf = ca.sign('IP:127.0.0.1');

/** Text of a fence of the guide, by words in it, or at its beginning. */
function block(language: string, word: string, begins = false): string {
  const fences = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, name]) => name === language);
  const found = fences.find(([, , text = '']) => (begins ? text.startsWith(word) : text.includes(word)));
  return found?.[2] ?? expect.unreachable(`the guide has no ${language} with "${word}"`);
}

let top: string;
let own: AdminServer;
let port: number;
const processes: Process[] = [];
const proxies: RunningProxy[] = [];

/** A machine: what is /etc/afd there, and the names and ports of the guide as they are here. */
async function machine(name: string, gatewayPort: number) {
  const etc = join(top, name);
  await mkdir(etc);
  const files = { 'ca.pem': ca.cert, 'gateway-ca.pem': ca.cert, 'gateway.pem': leaf.cert, 'gateway.key': leaf.key };
  for (const [file, text] of Object.entries({ ...files, password: `${PASSWORD}\n` }))
    await writeFile(join(etc, file), text, { mode: 0o600 });
  const here = (text: string) =>
    text
      .replaceAll('/etc/afd', etc)
      .replace('host: db.intranet.example', `host: 127.0.0.1\n  port: ${new URL(own.server.url).port}`)
      .replaceAll('gateway.example:8443', `127.0.0.1:${gatewayPort}`)
      .replace(/^ {2}port: (8443|8000)$/m, `  port: ${gatewayPort}`)
      .replace('host: 10.0.0.5', 'host: 127.0.0.1')
      .replace('["10.0.0.1"]', '["127.0.0.1"]');
  const env = { AFD_CONFIG: join(etc, 'afd.yaml'), HOME: top, AFD_LOG_FORMAT: 'json' };
  return {
    etc,
    /** A file of the guide as /etc/afd/afd.yaml. */
    configure: (text: string, more = '') => writeFile(join(etc, 'afd.yaml'), `${here(text)}${more}`, { mode: 0o600 }),
    /** Runs a block of shell; it must succeed, line by line. @returns its output */
    async sh(text: string) {
      const PATH = `${join(top, 'bin')}:${process.env.PATH}`;
      const child = spawn('/bin/sh', ['-ec', here(text)], { cwd: etc, env: { ...env, PATH } });
      const [out, err] = [collect(child.stdout), collect(child.stderr)];
      const [code] = await once(child, 'close');
      expect([text, code, (await err).match(/^Error.*/gm)]).toEqual([text, 0, null]);
      return out;
    },
    start(...args: string[]) {
      const started = new Process(etc, args, env);
      processes.push(started);
      return started;
    },
  };
}

/** A worker has handlers beside its file. */
const HANDLERS = 'handlers:\n  hello: { exec: ["true"] }\n';
const listening = (one: Process) => one.event('note', (line) => /https?:\/\//.test(line.message), MINUTES);
const answer = async (url: string, key: string, path = '/api/v1/status') =>
  askHttps(url + path, { ca: ca.cert, headers: { 'x-api-key': key } });

/** Adds a task as an operator does, and waits until this worker has done it. */
async function works(operator: Awaited<ReturnType<typeof machine>>, worker: Process): Promise<void> {
  const id = Number((await operator.sh('afd tasks add --type hello')).trim());
  await worker.event('task:finished', (line) => line.task_id === id && line.status === 'done');
}

describe.skipIf(NO_PRIVATE_SERVER !== undefined)('the settings of the guide to security', { timeout: MINUTES }, () => {
  beforeAll(async () => {
    top = await mkdtemp(join(tmpdir(), 'afd-security-'));
    await mkdir(join(top, 'bin'));
    await writeFile(join(top, 'bin', 'afd'), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
    await chmod(join(top, 'bin', 'afd'), 0o755);
    for (const [name, text] of Object.entries(leaf)) await writeFile(join(top, name), text, { mode: 0o600 });
    own = await adminServer([`--ssl-key=${join(top, 'key')}`, `--ssl-cert=${join(top, 'cert')}`]);
    // The account that may make tables is that of SECURITY.md.
    const statements = /^-- afd migrate:.*\n([\s\S]*?)\n\n/m.exec(readProjectFile('SECURITY.md') ?? '')?.[1] ?? '';
    await own.admin.write(statements.replace("BY 'password'", `BY '${PASSWORD}'`));
    const administrator = await machine('administrator', 1);
    await administrator.configure(block('yaml', 'user: afd_migrate'));
    await administrator.sh(block('sh', 'accounts.sql'));
    const accounts = await readFile(join(administrator.etc, 'accounts.sql'), 'utf8');
    expect(accounts.match(/<PASSWORD> REQUIRE SSL/g)).toHaveLength(3);
    await own.admin.write(accounts.replaceAll('<PASSWORD>', `'${PASSWORD}'`));
    const leader = await machine('leader', 1);
    await leader.configure(block('yaml', 'of a leader'));
    await leader.start('leader').event('leader:gained', undefined, MINUTES);
  }, MINUTES);
  beforeEach(async () => {
    port = await freePort();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') for (const one of processes) process.stderr.write(one.lastLines());
    await Promise.all(proxies.splice(0).map((one) => one.stop()));
    // By a signal, so that the next one may have the same device id at once.
    const others = processes.splice(1);
    for (const one of others) one.kill('SIGTERM');
    await Promise.all(others.map((one) => one.exit));
  });
  afterAll(async () => {
    await Promise.all(processes.map((one) => one.end()));
    await own?.stop();
    await rm(top, { recursive: true, force: true });
  });

  it('an intranet: a worker with its account runs tasks, and a program sees the fleet over TLS with its key', async () => {
    const [worker, gateway] = [await machine('worker', port), await machine('gateway', port)];
    await worker.configure(block('yaml', 'of a worker'), HANDLERS);
    const working = worker.start('worker');
    await gateway.configure(block('yaml', 'of a gateway'));
    const serving = gateway.start('gateway');
    await listening(serving);
    await works(gateway, working);
    expect(JSON.parse(await gateway.sh(block('sh', 'report-page.header')))).toMatchObject({ well: true, problems: [] });
    expect((await answer(`https://127.0.0.1:${port}`, 'none')).status).toBe(401);
    expect(serving.output).toContain('"event":"http:request"');
  });

  it('devices on the internet: an invited device runs tasks with its certificate, and a key of a device is refused', async () => {
    const [gateway, device] = [await machine('gateway-2', port), await machine('device', port)];
    await gateway.configure(block('yaml', 'client_certificates: required'));
    await gateway.sh('afd devices ca /etc/afd/devices');
    await listening(gateway.start('gateway'));
    const code = (await gateway.sh(block('sh', 'afd devices invite'))).trim();
    const enroll = block('sh', 'afd devices enroll').replace(/--code \S+/, `--code ${code}`);
    await rm(join(device.etc, 'password'));
    await device.configure(block('yaml', 'of a device, beside'), HANDLERS);
    expect(await device.sh(enroll)).toContain('The device worker-001 has a certificate until');
    const working = device.start('worker');
    await works(gateway, working);
    const key = (await gateway.sh('afd keys create worker-001 --role device --device worker-001')).trim();
    const refused = await answer(`https://127.0.0.1:${port}`, key, '/api/v1/tasks/next?device_id=worker-001');
    expect(refused).toMatchObject({ status: 401, json: { code: 'E_CERTIFICATE' } });
    expect(await gateway.sh('afd devices certificates ls')).toMatch(/worker-001 +active/);
    // It signs off before, so that its id is free for the next setting.
    working.kill('SIGTERM');
    expect(await working.exit).toMatchObject({ code: 0 });
    await gateway.sh('afd devices certificates revoke --device worker-001');
  });

  it.each(PROXIES)(
    'everything behind %s: a device works through it with its key, and only the proxy and its machine may connect',
    skipBecause(
      PROXIES.map(noProxy).find((one) => one !== undefined),
      'proxies',
    ),
    async (name) => {
      const [gateway, device] = [await machine(`gateway-${name}`, port), await machine(`device-${name}`, port)];
      await gateway.configure(block('yaml', 'trusted_proxies: ["10.0.0.1"]\n  access_log'));
      const serving = gateway.start('gateway');
      await listening(serving);
      await writeFile(join(gateway.etc, 'afd.key'), leaf.key);
      await writeFile(join(gateway.etc, 'afd.pem'), leaf.cert + (name === 'haproxy' ? leaf.key : ''));
      const file = block(name, 'afd.pem').replace('10.0.0.5:8000', `127.0.0.1:${port}`);
      const proxy = await startProxyWith(name, (at) =>
        file
          .replace(/listen 443|bind :443/, (one) => one.replace(/:?443/, `127.0.0.1:${at}`))
          .replaceAll(`/etc/${name}/`, `${gateway.etc}/`),
      );
      proxies.push(proxy);
      const key = (await gateway.sh(block('sh', 'afd keys create worker-001', true))).trim();
      const url = proxy.url.replace('http:', 'https:');
      const text = block('yaml', 'gateway: https://afd.example').replace('what "afd keys create" printed', key);
      await rm(join(device.etc, 'password'));
      const settings = text.replace('https://afd.example', url).replace('\nmaster', '\n  tls_ca: ca.pem\nmaster');
      await device.configure(settings, HANDLERS);
      const worker = device.start('worker');
      await works(gateway, worker);
      // The other proxy is tried with the same device.
      worker.kill('SIGTERM');
      await worker.exit;
      const asked = await answer(url, key, '/api/v1/tasks/next?device_id=other');
      expect(asked).toMatchObject({ status: 403, json: { code: 'E_ROLE' } });
      await until(() => serving.lines.some((line) => line.message.includes('/tasks/next 403')));
    },
  );
});
