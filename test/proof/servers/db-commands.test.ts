import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stopServer } from '../../../src/core/server/embedded-server.ts';
import { commandLine, hostFrom } from '../../../src/core/server/host.ts';
import { BIN, runCommand } from '../../helpers/command.ts';
import { ownDirectory } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await ownDirectory(tmpdir());
});
afterEach(async () => {
  await stopServer(join(cwd, '.afd'), hostFrom(process), 0).catch(() => undefined);
  await rm(cwd, { recursive: true, force: true });
});
const db = (...args: string[]) => runCommand(['db', ...args], { cwd });
const dbJson = async (...args: string[]) => {
  const { code, stdout } = await db(...args, '--json');
  return [code, JSON.parse(stdout)];
};

it('afd db: start, status, url, shell, stop, reset, one after the other, as a newcomer would', async () => {
  expect(await dbJson('status')).toMatchObject([3, { state: 'none', pid: null, port: null }]);
  expect(await dbJson('url')).toMatchObject([3, { error: { code: 'E_NOT_FOUND', suggestions: ['afd db start'] } }]);
  expect((await db('shell', '--execute', 'SELECT 1')).code).toBe(3);
  expect(await dbJson('stop')).toEqual([0, { stopped: false, pid: null, killed: false }]);
  expect(await dbJson('reset')).toMatchObject([0, { deleted: false }]);
  // Asking makes nothing.
  expect(await readdir(cwd)).toEqual([]);

  const start = await db('start', '--json');
  const { pid, ...started } = JSON.parse(start.stdout);
  expect([start.code, started]).toMatchObject([0, { state: 'running', started: true, created: true }]);
  // What --json prints ends up in logs.
  expect(start.stdout + start.stderr).not.toMatch(/mysql:\/\//);
  expect(await db('start')).toMatchObject({ code: 0, stdout: expect.stringContaining('Already running') });
  expect(await dbJson('status')).toMatchObject([0, { state: 'running', pid }]);
  const url = /^mysql:\/\/afd:[0-9a-f]{36}@127\.0\.0\.1:\d+\/afd\?socket=%2F\S+\n$/;
  expect(await db('url')).toMatchObject({ code: 0, stdout: expect.stringMatching(url) });
  const answer = { exit_code: 0, output: 'answer\n42' };
  expect(await dbJson('shell', '--execute', 'SELECT 6 * 7 AS answer')).toEqual([0, answer]);
  const wrong = await db('shell', '--execute', 'SELEKT');
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('SELEKT') });
  expect(await dbJson('shell')).toMatchObject([2, { error: { code: 'E_USAGE' } }]);
  const nowhere = { cwd, env: { AFD_SERVER_FOLDERS: '/nowhere' } };
  const none = await runCommand(['db', 'shell', '--execute', 'SELECT 1', '--json'], nowhere);
  expect([none.code, JSON.parse(none.stdout).error.code]).toEqual([69, 'E_SERVER_MISSING']);
  expect(await db('reset')).toMatchObject({ code: 2, stderr: expect.stringContaining('Nothing was deleted') });

  expect(await dbJson('stop')).toEqual([0, { stopped: true, pid, killed: false }]);
  expect(await commandLine(pid)).toBeUndefined();
  expect(await dbJson('status')).toMatchObject([3, { state: 'stopped', pid: null }]);
  // Finding B11: a producer in cron must not take that for a wrong configuration.
  await writeFile(join(cwd, 'afd.yaml'), 'handlers: { a: { exec: [sleep, "0"] } }\n');
  for (const words of ['status', 'tasks add --type a', 'worker --once --wait-database 0']) {
    const run = await runCommand([...words.split(' '), '--json'], { cwd });
    const message = 'The private server of this folder (.afd) is not running.';
    const error = { code: 'E_DATABASE', message, suggestions: ['afd db start'] };
    expect([run.code, JSON.parse(run.stdout).error]).toMatchObject([69, error]);
  }
  const shown = await runCommand(['config', 'show', '--json'], { cwd });
  expect(JSON.parse(shown.stdout).fleet).toEqual({ read: false, reason: expect.stringContaining('is not running') });
  expect(await dbJson('reset', '--yes')).toMatchObject([0, { deleted: true }]);
  expect(await readdir(join(cwd, '.afd'))).toEqual([]);
});

/** setpriv, or undefined with the reason why nobody else can be played here. */
function otherUser(): { wrapper?: string[]; why?: string } {
  if (process.getuid?.() !== 0) return { why: 'this user is not root' };
  const wrapper = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const reads = spawnSync('setpriv', [...wrapper.slice(1), process.execPath, BIN, '--version'], { encoding: 'utf8' });
  return reads.status === 0 ? { wrapper } : { why: 'another user cannot read this checkout, or there is no setpriv' };
}

const other = otherUser();
it(
  'afd db by a user without rights: a server of its own, or exit 69 and the command that installs one',
  skipBecause(other.why),
  async () => {
    await chown(cwd, 65_534, 65_534);
    await chmod(cwd, 0o755);
    const wrapper = other.wrapper!;
    const asOther = async (args: string[], env: Record<string, string> = {}) => {
      const run = await runCommand(['db', ...args], { cwd, wrapper, env: { HOME: '/nonexistent', ...env } });
      return { ...run, json: args.includes('--json') ? JSON.parse(run.stdout) : undefined };
    };
    // Where Debian's installer is, but neither a server nor sudo.
    const nowhere = join(cwd, 'nowhere');
    await mkdir(nowhere);
    await symlink('/usr/bin/apt-get', join(nowhere, 'apt-get'));
    const missing = await asOther(['start'], { AFD_SERVER_FOLDERS: nowhere });
    expect(missing.code).toBe(69);
    expect(missing.stderr).toContain('No MySQL or MariaDB server program was found');
    expect(missing.stderr).toMatch(/Try: (sudo apt-get install mariadb-server-core|.*install)/);
    expect(await readdir(join(cwd, '.afd'))).toEqual([]);
    const { code, stderr, json } = await asOther(['start', '--json']);
    expect(code, stderr).toBe(0);
    expect((await asOther(['shell', '--execute', 'SELECT CURRENT_USER()'])).stdout).toContain('afd@localhost');
    expect(await asOther(['stop', '--json'])).toMatchObject({ code: 0, json: { pid: json.pid } });
  },
);
