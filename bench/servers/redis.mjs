// A private Redis: append-only file, fsync every second (what a durable BullMQ runs on; it may lose the last second).
import { spawnSync } from 'node:child_process';
import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { end, ended, start } from './children.mjs';
import { dataFolder, removeFolder } from './data-folder.mjs';
import { program } from './packages.mjs';
import { freePort } from './port.mjs';

const SETTINGS = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--maxmemory-policy', 'noeviction'];

/** @throws Missing */
export async function startRedis(options) {
  const path = program('redis-server', 'redis-server', options);
  const dir = dataFolder('redis');
  const port = await freePort();
  const argv = [path, '--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--daemonize', 'no', ...SETTINGS];
  const child = start(argv);
  while (!(await answers(port))) {
    if (ended(child)) throw new Error(`redis-server ended: ${child.said()}`);
    await pause(20);
  }
  const [, version] = /v=(\S+)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout) ?? [];
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid,
    about: `Redis ${version}, appendonly yes, appendfsync everysec`,
    async stop() {
      await end(child);
      removeFolder(dir);
    },
  };
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'));
    const done = (value) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('data', (text) => done(String(text).startsWith('+PONG')));
    socket.once('error', () => done(false));
  });
}
