import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Session } from '../../../src/core/db/session.ts';
import {
  resetServer,
  serverStatus,
  serverUrl,
  startServer,
  stopServer,
} from '../../../src/core/server/embedded-server.ts';
import { embeddedServerUrl } from '../../../src/core/server/embedded-url.ts';
import { commandLine, hostFrom } from '../../../src/core/server/host.ts';
import { spawnCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { ownDirectory } from '../../helpers/server.ts';
import { until } from '../../helpers/wait.ts';

const host = hostFrom(process);

describe('the embedded server', { timeout: 180_000 }, () => {
  let top: string;
  let dir: string;
  beforeEach(async () => {
    top = await ownDirectory(tmpdir());
    dir = join(top, '.afd');
  });
  afterEach(async () => {
    await stopServer(dir, host, 0).catch(() => undefined);
    await rm(top, { recursive: true, force: true });
  });

  const start = () => startServer({ dir, host });
  const open = async (url: string) => {
    const session = new Session({
      address: addressOf(url),
      timeZone: '+00:00',
      idleTimeoutS: 10,
      deadlineMs: 5000,
      multiStatements: false,
    });
    await session.ready();
    return session;
  };

  it('starts, answers, stops, and leaves no process', async () => {
    const started = await start();
    expect(started).toMatchObject({ state: 'running', started: true, created: true });
    const session = await open(started.url);
    const [row] = await session.rows('SELECT DATABASE() AS name, CURRENT_USER() AS user');
    expect(row).toEqual({ name: 'afd', user: 'afd@localhost' });
    await session.close();
    expect(await stopServer(dir, host)).toEqual({ pid: started.pid, killed: false });
    expect(await commandLine(started.pid!)).toBeUndefined();
    expect((await serverStatus(dir, host)).state).toBe('stopped');
    expect(await stopServer(dir, host)).toBeUndefined();
  });

  it('keeps data, port and password over a stop and a start', async () => {
    const first = await start();
    const before = await open(first.url);
    await before.write('CREATE TABLE kept (id INT PRIMARY KEY)');
    await before.write('INSERT INTO kept VALUES (7)');
    await before.close();
    await stopServer(dir, host);
    const second = await start();
    expect(second).toMatchObject({ started: true, created: false, url: first.url });
    const after = await open(second.url);
    expect(await after.rows('SELECT id FROM kept')).toEqual([{ id: 7 }]);
    await after.close();
  });

  it('is one server when many start it at once', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, start));
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(all.filter(({ started }) => started)).toHaveLength(1);
  });

  it('writes durably, listens on the loopback interface, and hides its password', async () => {
    const { url, socket } = await start();
    const session = await open(url);
    const [row] = await session.rows('SELECT @@innodb_flush_log_at_trx_commit AS flush, @@bind_address AS address');
    expect(row).toEqual({ flush: 1, address: '127.0.0.1' });
    await session.close();
    expect((await stat(join(dir, 'mysql'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dir, 'mysql/password'))).mode & 0o777).toBe(0o600);
    expect((await stat(socket!)).mode & 0o777).toBe(0o600);
    // The statements with the password in them are gone once they ran.
    expect(await readdir(join(dir, 'mysql'))).not.toContain('setup.sql');
  });

  it('takes the account by its port too, and refuses root and strangers there', async () => {
    const { url } = await start();
    const { socketPath: _socket, ...byPort } = {
      ...addressOf(url),
      host: '127.0.0.1',
      port: Number(new URL(url).port),
    };
    const login = (user: string, password: string | undefined) =>
      new Session({
        address: { ...byPort, user, password: password ?? '' },
        timeZone: '+00:00',
        idleTimeoutS: 10,
        deadlineMs: 5000,
        multiStatements: false,
      });
    const right = login('afd', byPort.password);
    await right.ready();
    await right.close();
    for (const [user, password] of [
      ['root', ''],
      ['afd', ''],
      ['', ''],
    ] as const) {
      await expect(login(user, password).ready()).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    }
  });

  it('may make schemas named afd_… and no others', async () => {
    const session = await open((await start()).url);
    await session.write('CREATE DATABASE afd_another');
    await expect(session.write('CREATE DATABASE another')).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    await session.close();
  });

  it('refuses a datadir that afd did not make, and touches nothing in it', async () => {
    const foreign = join(dir, 'mysql');
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, 'ibdata1'), 'somebody’s');
    const refusal = { code: 'E_CONFLICT', exitCode: 5 };
    await expect(start()).rejects.toMatchObject(refusal);
    await expect(serverStatus(dir, host)).rejects.toMatchObject(refusal);
    await expect(stopServer(dir, host)).rejects.toMatchObject(refusal);
    await expect(resetServer(dir, host)).rejects.toMatchObject(refusal);
    expect(await embeddedServerUrl(dir, host.uid)).toBeUndefined();
    expect(await readdir(foreign)).toEqual(['ibdata1']);
    expect(await readFile(join(foreign, 'ibdata1'), 'utf8')).toBe('somebody’s');
  });

  it('refuses a foreign datadir that was moved into its own folder', async () => {
    await start();
    await stopServer(dir, host);
    const data = join(dir, 'mysql/data');
    await rm(data, { recursive: true });
    await mkdir(data);
    await writeFile(join(data, 'ibdata1'), 'somebody’s');
    await expect(start()).rejects.toMatchObject({ code: 'E_CONFLICT' });
    await expect(resetServer(dir, host)).rejects.toMatchObject({ code: 'E_CONFLICT' });
    expect(await readdir(data)).toEqual(['ibdata1']);
  });

  it('survives SIGKILL of the process that starts it, and of its whole group', async () => {
    const child = spawnCommand(['db', 'start'], { cwd: top });
    const pidFile = join(dir, 'mysql/server.pid');
    const started = async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined;
    const pid = await until(started, 60_000, 'the pid of the server');
    process.kill(-child.pid!, 'SIGKILL');
    await once(child, 'close');
    const found = await start();
    expect(found).toMatchObject({ started: false, pid });
    await (await open(found.url)).close();
  });

  it('never signals a process that merely has its old pid', async () => {
    await start();
    await stopServer(dir, host);
    await writeFile(join(dir, 'mysql/server.pid'), `${process.pid}\n`);
    const signals: string[] = [];
    const watched = { ...host, kill: (_pid: number, signal: string) => void signals.push(signal) };
    expect((await serverStatus(dir, host)).state).toBe('stopped');
    expect(await stopServer(dir, watched)).toBeUndefined();
    expect(signals).toEqual([]);
  });

  it('starts again right after SIGKILL, though the old process may still be ending', async () => {
    const first = await start();
    process.kill(first.pid!, 'SIGKILL');
    const second = await start();
    expect(second).toMatchObject({ started: true, state: 'running', port: first.port });
    expect(second.pid).not.toBe(first.pid);
  });

  it('stops also a server that was paused', async () => {
    const { pid } = await start();
    process.kill(pid!, 'SIGSTOP');
    expect(await stopServer(dir, host)).toEqual({ pid, killed: false });
    expect(await commandLine(pid!)).toBeUndefined();
  });

  it('puts its socket into the temporary folder where the path would be too long', async () => {
    dir = join(top, 'a-folder-with-a-long-name'.repeat(5), '.afd');
    const { socket, url } = await start();
    expect(Buffer.byteLength(socket!)).toBeLessThanOrEqual(100);
    expect((await stat(dirname(socket!))).mode & 0o777).toBe(0o700);
    await (await open(url)).close();
    expect((await serverStatus(dir, host)).state).toBe('running');
    await resetServer(dir, host);
    await expect(stat(dirname(socket!))).rejects.toThrow();
  });

  it('leaves the temporary tables of other servers alone', async () => {
    // A MariaDB deletes every #sql… file of its tmpdir as it starts, and by default that is the one of all.
    const shared = join(top, 'shared-tmp');
    await mkdir(shared);
    await writeFile(join(shared, '#sql-temptable-of-another'), '');
    const { url } = await startServer({ dir, host: { ...host, env: { ...host.env, TMPDIR: shared } } });
    expect(await readdir(shared)).toEqual(['#sql-temptable-of-another']);
    const session = await open(url);
    expect(await session.rows('SELECT @@tmpdir AS folder')).toEqual([{ folder: join(dir, 'mysql/tmp') }]);
    await session.close();
  });

  it('takes another port when its own is taken meanwhile', async () => {
    const first = await start();
    await stopServer(dir, host);
    const other = join(top, 'other');
    const record = JSON.parse(await readFile(join(dir, 'mysql/afd-server.json'), 'utf8')) as object;
    await mkdir(join(other, 'mysql'), { recursive: true });
    await writeFile(join(other, 'mysql/afd-server.json'), JSON.stringify(record));
    try {
      const squatter = await startServer({ dir: other, host });
      expect(squatter.port).toBe(first.port);
      const second = await start();
      expect(second.port).not.toBe(first.port);
      await (await open(second.url)).close();
    } finally {
      await stopServer(other, host, 0);
    }
  });

  it('reset stops it and leaves nothing; then there is none', async () => {
    const { pid } = await start();
    expect(await resetServer(dir, host)).toBe(true);
    expect(await commandLine(pid!)).toBeUndefined();
    expect(await readdir(dir)).toEqual([]);
    expect(await resetServer(dir, host)).toBe(false);
    expect((await serverStatus(dir, host)).state).toBe('none');
  });

  it('finding B11: is found by its project as soon as it was made, also while it is stopped', async () => {
    expect(await embeddedServerUrl(dir, host.uid)).toBeUndefined();
    const { url } = await start();
    expect(await embeddedServerUrl(dir, host.uid)).toBe(url);
    expect(await serverUrl(dir, host)).toBe(url);
    await stopServer(dir, host);
    expect(await embeddedServerUrl(dir, host.uid)).toBe(url);
    await expect(serverUrl(dir, host)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('repeats what the server said when it cannot start', async () => {
    const programs = join(top, 'programs');
    await mkdir(programs);
    const fake = `#!/bin/sh
case "$*" in
  *--version*) echo 'mysqld  Ver 9.7.4 for Linux' ;;
  *--initialize-insecure*) for a in "$@"; do case $a in --datadir=*) mkdir "\${a#--datadir=}" ;; esac; done ;;
  *) echo 'the disk is on fire' >&2; exit 1 ;;
esac
`;
    await writeFile(join(programs, 'mysqld'), fake);
    await chmod(join(programs, 'mysqld'), 0o755);
    const burning = { ...host, env: { ...host.env, AFD_SERVER_FOLDERS: programs } };
    await expect(startServer({ dir, host: burning })).rejects.toMatchObject({
      code: 'E_FAILED',
      message: expect.stringContaining('the disk is on fire'),
    });
    expect((await serverStatus(dir, host)).state).toBe('stopped');
  });
});
