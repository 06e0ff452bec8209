// A private PostgreSQL with fsync and synchronous_commit on (its defaults), as its own user when the bench is root.
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { end, ended, start } from './children.mjs';
import { dataFolder, removeFolder } from './data-folder.mjs';
import { Missing } from './missing.mjs';
import { program } from './packages.mjs';
import { freePort } from './port.mjs';

const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  // graphile-worker alone opens slots + 2 per process.
  max_connections: '500',
};

/** @throws Missing */
export async function startPostgres(options) {
  const server = program('postgres', 'postgresql', options);
  const initdb = program('initdb', 'postgresql', options);
  const ready = program('pg_isready', 'postgresql', options);
  const dir = dataFolder('postgres');
  const user = owner(dir);
  const data = join(dir, 'data');
  const made = start([initdb, '-D', data, '-U', 'bench', '--auth=trust', '--no-sync', '-E', 'UTF8'], {
    user,
    cwd: '/',
  });
  await new Promise((resolve) => made.once('close', resolve));
  if (made.exitCode !== 0) throw new Missing(`PostgreSQL cannot make its data folder in ${dir}: ${made.said()}`);
  const port = await freePort();
  const settings = { ...SETTINGS, listen_addresses: '127.0.0.1', port, unix_socket_directories: '' };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const child = start([server, '-D', data, ...flags], { user, cwd: '/' });
  while (spawnSync(ready, ['-q', '-h', '127.0.0.1', '-p', String(port)]).status !== 0) {
    if (ended(child)) throw new Error(`postgres ended: ${child.said()}`);
    await pause(50);
  }
  const [, version] = /(\d+\.\d+)/.exec(spawnSync(server, ['--version'], { encoding: 'utf8' }).stdout) ?? [];
  return {
    url: `postgres://bench@127.0.0.1:${port}/postgres`,
    pid: child.pid,
    about: `PostgreSQL ${version}, fsync=on, synchronous_commit=on, shared_buffers=1GB`,
    async stop() {
      // SIGINT: fast shutdown.
      await end(child, { signal: 'SIGINT' });
      removeFolder(dir);
    },
  };
}

/** PostgreSQL refuses to run as root. */
function owner(dir) {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  const [uid, gid] = [id('-u'), id('-g')];
  if (!(uid > 0)) throw new Missing('PostgreSQL cannot run as root, and there is no account "postgres" to run it as');
  chownSync(dir, uid, gid);
  return 'postgres';
}
