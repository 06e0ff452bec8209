import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseAddress, Session } from '../../../src/core/db/session.ts';
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
import { sessionOf } from '../../helpers/schema-of.ts';
import { ownDirectory } from '../../helpers/server.ts';
import { until } from '../../helpers/wait.ts';

const host = hostFrom(process);
const withEnv = (env: Record<string, string>) => ({ ...host, env: { ...host.env, ...env } });

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
  const use = async (address: DatabaseAddress, work: (session: Session) => Promise<unknown> = async () => {}) => {
    const session = sessionOf(address, {});
    await session.ready();
    await work(session).finally(() => session.close());
  };

  it('finding B11: keeps data, port and password over a stop, is found also meanwhile, and leaves nothing after a reset', async () => {
    expect(await embeddedServerUrl(dir, host.uid)).toBeUndefined();
    const first = await start();
    expect(first).toMatchObject({ state: 'running', started: true, created: true });
    expect(await serverUrl(dir, host)).toBe(first.url);
    await use(addressOf(first.url), (session) => session.write('CREATE TABLE kept SELECT 7 AS id'));
    expect(await stopServer(dir, host)).toEqual({ pid: first.pid, killed: false });
    expect(await commandLine(first.pid!)).toBeUndefined();
    expect(await embeddedServerUrl(dir, host.uid)).toBe(first.url);
    await expect(serverUrl(dir, host)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await stopServer(dir, host)).toBeUndefined();
    const second = await start();
    expect(second).toMatchObject({ started: true, created: false, url: first.url });
    await use(addressOf(second.url), async (session) =>
      expect(await session.rows('SELECT id FROM kept')).toEqual([{ id: 7 }]),
    );
    expect(await resetServer(dir, host)).toBe(true);
    expect(await commandLine(second.pid!)).toBeUndefined();
    expect(await readdir(dir)).toEqual([]);
    expect(await resetServer(dir, host)).toBe(false);
    expect((await serverStatus(dir, host)).state).toBe('none');
  });

  it('writes durably, listens on the loopback interface, and hides its password; many that start it at once make one', async () => {
    // A MariaDB deletes every #sql… file of its tmpdir as it starts, and by default that is the one of all.
    const shared = join(top, 'shared-tmp');
    await mkdir(shared);
    await writeFile(join(shared, '#sql-temptable-of-another'), '');
    const begin = () => startServer({ dir, host: withEnv({ TMPDIR: shared }) });
    const all = await Promise.all([begin(), begin(), begin(), begin()]);
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(all.filter(({ started }) => started)).toHaveLength(1);
    expect(await readdir(shared)).toEqual(['#sql-temptable-of-another']);
    const { url, socket } = all[0];
    await use(addressOf(url), async (session) => {
      const [row] = await session.rows(
        'SELECT @@innodb_flush_log_at_trx_commit AS flush, @@bind_address AS address, @@tmpdir AS folder',
      );
      expect(row).toEqual({ flush: 1, address: '127.0.0.1', folder: join(dir, 'mysql/tmp') });
      await session.write('CREATE DATABASE afd_another');
      await expect(session.write('CREATE DATABASE another')).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    });
    for (const [path, mode] of [
      [join(dir, 'mysql'), 0o700],
      [join(dir, 'mysql/password'), 0o600],
      [socket!, 0o600],
    ] as const)
      expect([path, (await stat(path)).mode & 0o777]).toEqual([path, mode]);
    // The statements with the password in them are gone once they ran.
    expect(await readdir(join(dir, 'mysql'))).not.toContain('setup.sql');
    const { socketPath: _, ...account } = addressOf(url);
    const byPort = { ...account, host: '127.0.0.1', port: Number(new URL(url).port) };
    await use(byPort);
    for (const user of ['root', 'afd', ''])
      await expect(use({ ...byPort, user, password: '' })).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
  });

  it.each(['mysql', 'mysql/data'])('refuses %s that afd did not make, and touches nothing in it', async (place) => {
    const foreign = join(dir, place);
    if (place === 'mysql/data') {
      await start();
      await stopServer(dir, host);
      await rm(foreign, { recursive: true });
    }
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, 'ibdata1'), 'somebody’s');
    for (const act of [start, () => resetServer(dir, host)])
      await expect(act()).rejects.toMatchObject({ code: 'E_CONFLICT', exitCode: 5 });
    expect(await readdir(foreign)).toEqual(['ibdata1']);
    expect(await readFile(join(foreign, 'ibdata1'), 'utf8')).toBe('somebody’s');
  });

  it('survives SIGKILL of the group that starts it, is stopped also when it is paused, and starts after its own SIGKILL', async () => {
    const child = spawnCommand(['db', 'start'], { cwd: top });
    const pidFile = join(dir, 'mysql/server.pid');
    const started = async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined;
    const pid = await until(started, 60_000, 'the pid of the server');
    process.kill(-child.pid!, 'SIGKILL');
    await once(child, 'close');
    const found = await start();
    expect(found).toMatchObject({ started: false, pid });
    await use(addressOf(found.url));
    process.kill(pid, 'SIGKILL');
    const second = await start();
    expect(second).toMatchObject({ started: true, state: 'running', port: found.port });
    process.kill(second.pid!, 'SIGSTOP');
    expect(await stopServer(dir, host)).toEqual({ pid: second.pid, killed: false });
    // A process that merely has its old pid is never signalled.
    await writeFile(pidFile, `${process.pid}\n`);
    const signals: string[] = [];
    const watched = { ...host, kill: (_pid: number, signal: string) => void signals.push(signal) };
    expect((await serverStatus(dir, host)).state).toBe('stopped');
    expect(await stopServer(dir, watched)).toBeUndefined();
    expect(signals).toEqual([]);
  });

  it('takes another port when its own is taken meanwhile', async () => {
    const first = await start();
    await stopServer(dir, host);
    const other = join(top, 'other');
    await mkdir(join(other, 'mysql'), { recursive: true });
    await writeFile(join(other, 'mysql/afd-server.json'), await readFile(join(dir, 'mysql/afd-server.json')));
    try {
      expect((await startServer({ dir: other, host })).port).toBe(first.port);
      const second = await start();
      expect(second.port).not.toBe(first.port);
      await use(addressOf(second.url));
    } finally {
      await stopServer(other, host, 0);
    }
  });
});
