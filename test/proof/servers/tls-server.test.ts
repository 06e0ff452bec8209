// Finding S3 with a real server: what the fake one shows of certificates holds for all that a node does.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, stopServer } from '../../../src/core/server/embedded-server.ts';
import { hostFrom } from '../../../src/core/server/host.ts';
import { certificateFor } from '../../helpers/certificate.ts';
import { runCommand } from '../../helpers/command.ts';
import { ownDirectory } from '../../helpers/server.ts';

const host = hostFrom(process);
let top: string;
let url: URL;
beforeAll(async () => {
  top = await ownDirectory(tmpdir());
  const { key, cert } = certificateFor('IP:127.0.0.1');
  await mkdir(join(top, 'tls'), { mode: 0o700 });
  for (const [name, text] of Object.entries({ key, cert })) {
    await writeFile(join(top, 'tls', `${name}.pem`), text, { mode: 0o600 });
  }
  const files = [`--ssl-key=${join(top, 'tls/key.pem')}`, `--ssl-cert=${join(top, 'tls/cert.pem')}`];
  const argv = [...files, '--require-secure-transport=ON'];
  url = new URL((await startServer({ dir: join(top, '.afd'), host, argv })).url);
});
afterAll(async () => {
  await stopServer(join(top, '.afd'), host, 0);
  await rm(top, { recursive: true, force: true });
});

/** Runs afd with this host for the server, from a folder with a handler. */
async function afd(at: string, args: string[], tls = 'verify-full') {
  const { username, password, port } = url;
  const cwd = join(top, 'tls');
  await writeFile(join(cwd, 'afd.yaml'), 'handlers: { a: { exec: ["true"] } }\n');
  const env = {
    AFD_DATABASE_URL: `mysql://${username}:${password}@${at}:${port}/afd?tls=${tls}`,
    AFD_DATABASE_TLS_CA: join(cwd, 'cert.pem'),
  };
  const run = await runCommand([...args, '--json'], { cwd, env });
  return { code: run.code, json: run.stdout === '' ? {} : JSON.parse(run.stdout) };
}

it('finding S3: a fleet works by verify-full with a server that is named by its address', async () => {
  expect((await afd('127.0.0.1', ['migrate', 'up'])).code).toBe(0);
  expect((await afd('127.0.0.1', ['tasks', 'add', '--type', 'a'])).code).toBe(0);
  const worker = await afd('127.0.0.1', ['worker', '--once']);
  expect([worker.code, worker.json.finished]).toEqual([0, { done: 1 }]);
});

it.each([['status'], ['migrate', 'up'], ['worker', '--once', '--wait-database', '0s']])(
  'finding S3: afd %s refuses the same server under a name that its certificate does not have',
  async (...args) => {
    const run = await afd('localhost', args);
    expect([run.code, run.json.error.code]).toEqual([69, 'E_DATABASE']);
    expect(run.json.error.message).toContain("does not match certificate's altnames");
    expect((await afd('localhost', ['status'], 'verify-ca')).code).not.toBe(69);
  },
);
