// The peers' packages live in this folder, by its own lock file; afd itself never depends on one of them.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Missing } from '../servers/missing.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** @throws Missing */
export function installPeers({ install }) {
  const [lock, mark] = ['package-lock.json', 'node_modules/.package-lock.json'].map((one) => join(HERE, one));
  if (existsSync(mark) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs) return;
  if (!install)
    throw new Missing('its package is not installed (leave out --no-install, or run npm ci in bench/peers)');
  console.error('Installing the peers into bench/peers/node_modules (npm ci) …');
  const npm = process.env.npm_execpath;
  const argv = ['ci', '--no-fund', '--no-audit', '--loglevel=error'];
  const [program, args] = npm?.endsWith('.js') ? [process.execPath, [npm, ...argv]] : ['npm', argv];
  const { status } = spawnSync(program, args, { cwd: HERE, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Missing('npm ci in bench/peers failed');
}

/** Pinned version of a peer. */
export function versionOf(name) {
  return JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')).dependencies[name];
}
