import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopServer } from '../../../src/core/server/embedded-server.ts';
import { commandLine, hostFrom } from '../../../src/core/server/host.ts';
import { BIN, runCommand } from '../../helpers/command.ts';
import { ownDirectory } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

describe('afd db', { timeout: 180_000 }, () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await ownDirectory(tmpdir());
  });
  afterAll(async () => {
    await stopServer(join(cwd, '.afd'), hostFrom(process), 0);
    await rm(cwd, { recursive: true, force: true });
  });
  const db = (...args: string[]) => runCommand(['db', ...args], { cwd });

  it('without a server: status says none and exits 3, url and shell exit 3, stop and reset have nothing to do', async () => {
    const status = await db('status', '--json');
    expect(status.code).toBe(3);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'none', pid: null, port: null });
    const url = await db('url', '--json');
    expect(url.code).toBe(3);
    expect(JSON.parse(url.stdout)).toMatchObject({ error: { code: 'E_NOT_FOUND', suggestions: ['afd db start'] } });
    expect((await db('shell', '--execute', 'SELECT 1')).code).toBe(3);
    const stop = await db('stop', '--json');
    expect([stop.code, JSON.parse(stop.stdout)]).toEqual([0, { stopped: false, pid: null, killed: false }]);
    const reset = await db('reset', '--json');
    expect([reset.code, JSON.parse(reset.stdout)]).toMatchObject([0, { deleted: false }]);
    // Asking makes nothing.
    expect(await readdir(cwd)).toEqual([]);
  });

  it('start, status, url, shell, stop, reset: one after the other, as a newcomer would', {
    timeout: 120_000,
  }, async () => {
    const start = await db('start', '--json');
    expect(start.code).toBe(0);
    const started = JSON.parse(start.stdout);
    expect(started).toMatchObject({ state: 'running', started: true, created: true });
    // What --json prints ends up in logs.
    expect(start.stdout + start.stderr).not.toMatch(/mysql:\/\//);

    const again = await db('start');
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('Already running')]);
    const status = await db('status', '--json');
    expect([status.code, JSON.parse(status.stdout)]).toMatchObject([0, { state: 'running', pid: started.pid }]);

    const url = await db('url');
    expect(url.code).toBe(0);
    expect(url.stdout).toMatch(/^mysql:\/\/afd:[0-9a-f]{36}@127\.0\.0\.1:\d+\/afd\?socket=%2F\S+\n$/);

    const shell = await db('shell', '--json', '--execute', 'SELECT 6 * 7 AS answer');
    expect([shell.code, JSON.parse(shell.stdout)]).toEqual([0, { exit_code: 0, output: 'answer\n42' }]);
    const wrong = await db('shell', '--execute', 'SELEKT');
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('SELEKT')]);
    const talk = await db('shell', '--json');
    expect([talk.code, JSON.parse(talk.stdout)]).toMatchObject([2, { error: { code: 'E_USAGE' } }]);

    const unsure = await db('reset');
    expect([unsure.code, unsure.stderr]).toEqual([2, expect.stringContaining('Nothing was deleted')]);
    expect((await db('status')).code).toBe(0);

    const stop = await db('stop', '--json');
    expect([stop.code, JSON.parse(stop.stdout)]).toEqual([0, { stopped: true, pid: started.pid, killed: false }]);
    expect(await commandLine(started.pid)).toBeUndefined();
    const stopped = await db('status', '--json');
    expect([stopped.code, JSON.parse(stopped.stdout)]).toMatchObject([3, { state: 'stopped', pid: null }]);

    // Finding B11: a producer in cron must not take that for a wrong configuration.
    for (const args of [['status'], ['tasks', 'add', '--type', 'a'], ['worker', '--once', '--wait-database', '0']]) {
      await writeFile(join(cwd, 'afd.yaml'), 'handlers: { a: { exec: [sleep, "0"] } }\n');
      const run = await runCommand([...args, '--json'], { cwd });
      expect([run.code, JSON.parse(run.stdout).error]).toMatchObject([
        69,
        {
          code: 'E_DATABASE',
          message: 'The private server of this folder (.afd) is not running.',
          suggestions: ['afd db start'],
        },
      ]);
    }
    const shown = await runCommand(['config', 'show', '--json'], { cwd });
    expect(JSON.parse(shown.stdout).fleet).toEqual({ read: false, reason: expect.stringContaining('is not running') });

    const reset = await db('reset', '--yes', '--json');
    expect([reset.code, JSON.parse(reset.stdout)]).toMatchObject([0, { deleted: true }]);
    expect(await readdir(join(cwd, '.afd'))).toEqual([]);
  });

  it('without a client the shell names its package', async () => {
    await db('start');
    const shell = await runCommand(['db', 'shell', '--execute', 'SELECT 1', '--json'], {
      cwd,
      env: { AFD_SERVER_FOLDERS: '/nowhere' },
    });
    expect(shell.code).toBe(69);
    expect(JSON.parse(shell.stdout).error).toMatchObject({ code: 'E_SERVER_MISSING' });
  });
});

/** setpriv, or undefined with the reason why nobody else can be played here. */
function otherUser(): { wrapper?: string[]; why?: string } {
  if (process.getuid?.() !== 0) return { why: 'this user is not root' };
  const wrapper = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const reads = spawnSync('setpriv', [...wrapper.slice(1), process.execPath, BIN, '--version'], { encoding: 'utf8' });
  return reads.status === 0 ? { wrapper } : { why: 'another user cannot read this checkout, or there is no setpriv' };
}

const other = otherUser();
describe('afd db as a user without rights', skipBecause(other.why), () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await ownDirectory(tmpdir());
    await chown(cwd, 65_534, 65_534);
    await chmod(cwd, 0o755);
  });
  afterAll(async () => {
    await stopServer(join(cwd, '.afd'), hostFrom(process), 0).catch(() => undefined);
    await rm(cwd, { recursive: true, force: true });
  });
  const db = (args: string[], env: Record<string, string> = {}) =>
    runCommand(['db', ...args], { cwd, wrapper: other.wrapper!, env: { HOME: '/nonexistent', ...env } });

  it('where there is no server program: exit 69, and it names the package and the command', async () => {
    // Where Debian's installer is, but neither a server nor sudo.
    const nowhere = join(cwd, 'nowhere');
    await mkdir(nowhere);
    await symlink('/usr/bin/apt-get', join(nowhere, 'apt-get'));
    const start = await db(['start'], { AFD_SERVER_FOLDERS: nowhere });
    expect(start.code).toBe(69);
    expect(start.stderr).toContain('No MySQL or MariaDB server program was found');
    expect(start.stderr).toMatch(/Try: (sudo apt-get install mariadb-server-core|.*install)/);
    const json = await db(['start', '--json'], { AFD_SERVER_FOLDERS: nowhere });
    expect([json.code, JSON.parse(json.stdout).error.code]).toEqual([69, 'E_SERVER_MISSING']);
    expect(await readdir(join(cwd, '.afd'))).toEqual([]);
  });

  it('where there is one: a server of its own, without root', async () => {
    const start = await db(['start', '--json']);
    expect(start.code, start.stderr).toBe(0);
    const { pid } = JSON.parse(start.stdout);
    const shell = await db(['shell', '--execute', 'SELECT CURRENT_USER()']);
    expect(shell.stdout).toContain('afd@localhost');
    const stop = await db(['stop', '--json']);
    expect([stop.code, JSON.parse(stop.stdout).pid]).toEqual([0, pid]);
    expect(await commandLine(pid)).toBeUndefined();
  });
});
