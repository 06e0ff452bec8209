// Programs of the system's packages. Installs what is missing where that needs no question: as root, with apt-get.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Missing } from './missing.mjs';

const POLICY = '/usr/sbin/policy-rc.d';

/** Path of `name`; installs `debian` when it is nowhere. @throws Missing */
export function program(name, debian, { install }) {
  const found = find(name);
  if (found !== undefined) return found;
  const hint = `${name} is not on this machine (Debian and Ubuntu: apt-get install ${debian})`;
  if (!install || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new Missing(hint);
  aptInstall(debian);
  const now = find(name);
  if (now === undefined) throw new Missing(`${hint}; apt-get could not install it`);
  return now;
}

function find(name) {
  // Debian keeps the programs of PostgreSQL apart, by version; the newest is taken.
  const postgres = '/usr/lib/postgresql';
  const versions = existsSync(postgres) ? readdirSync(postgres).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((one) => join(postgres, one, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/bin',
  ];
  return folders.map((one) => join(one, name)).find((path) => existsSync(path));
}

/** The package's own service must not start: the bench runs private servers. */
function aptInstall(debian) {
  console.error(`Installing ${debian} …`);
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const apt = (...words) =>
      spawnSync('apt-get', words, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
        .status === 0;
    const install = () => apt('install', '-y', '--no-install-recommends', '--no-remove', debian);
    if (!install() && apt('update')) install();
  } finally {
    if (ours) rmSync(POLICY);
  }
}
