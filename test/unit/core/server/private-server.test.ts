import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Host, hostFrom } from '../../../../src/core/server/host.ts';
import { claimDirectory, serverFiles, serverPassword } from '../../../../src/core/server/server-directory.ts';
import { installPlan, installServer } from '../../../../src/core/server/server-install.ts';
import { findServerProgram, programFolders } from '../../../../src/core/server/server-program.ts';
import { withStartLock } from '../../../../src/core/server/start-lock.ts';

let folder: string;
let host: Host;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'afd-server-'));
  host = { ...hostFrom(process), env: { PATH: process.env.PATH, AFD_SERVER_FOLDERS: folder } };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('keeps the password that it made first, and never replaces one that cannot be read', async () => {
  const files = await serverFiles(folder);
  await claimDirectory(files);
  expect(await serverPassword(files)).toBe(await serverPassword(files));
  await rm(files.password);
  await symlink(files.password, files.password);
  await expect(serverPassword(files)).rejects.toMatchObject({ code: 'ELOOP' });
  expect(await readlink(files.password)).toBe(files.password);
});

describe('the way to a server program', () => {
  const JAMMY = 'ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\nUBUNTU_CODENAME=jammy\n';
  const MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=vanessa\nUBUNTU_CODENAME=jammy\n';
  const apt = (suffix: string) => `sudo apt-get install mariadb-server-core${suffix} mariadb-client-core${suffix}`;

  it.each([
    ['Debian', 'linux', 'VERSION_CODENAME=bookworm\nID=debian\n', apt('')],
    ['Ubuntu 22.04', 'linux', JAMMY, apt('-10.6')],
    ['a distribution made from Ubuntu 22.04', 'linux', MINT, apt('-10.6')],
    ['Fedora', 'linux', 'ID=fedora\n', 'sudo dnf install mariadb-server'],
    ['macOS', 'darwin', '', 'brew install mariadb'],
  ] as const)(
    '%s: the programs without a service, which only apt-get is left to install',
    (_, platform, osRelease, command) => {
      expect(installPlan(platform, osRelease)).toMatchObject({ command, apt: command.includes('apt-get') });
    },
  );

  it('without rights it is E_SERVER_MISSING (69), with the package and the command, and nothing was tried', async () => {
    const said: string[] = [];
    await expect(installServer({ ...host, uid: 65_534 }, (text) => said.push(text))).rejects.toMatchObject({
      ...{ code: 'E_SERVER_MISSING', exitCode: 69, data: { packages: expect.any(Array) } },
      suggestions: [expect.stringContaining('maria'), expect.stringContaining('AFD_DATABASE_URL=')],
    });
    expect(said).toEqual([]);
  });
});

describe('finding a server program', () => {
  const program = (name: string, says: string, mode = 0o755) =>
    writeFile(join(folder, name), `#!/bin/sh\n${says}\n`, { mode });
  const MARIADB = 'echo "/usr/sbin/mariadbd  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64"';

  it('takes mariadbd before mysqld, unless an existing datadir needs a MySQL', async () => {
    await program('mysqld', 'echo "/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"');
    await program('mariadbd', MARIADB);
    const version = '10.11.18-MariaDB-0+deb12u1';
    expect(await findServerProgram(host)).toEqual({ kind: 'mariadb', server: join(folder, 'mariadbd'), version });
    expect((await findServerProgram(host, 'mysql'))?.server).toBe(join(folder, 'mysqld'));
  });

  it('knows a mysqld that is a MariaDB by what it says', async () => {
    await program('mysqld', MARIADB);
    expect((await findServerProgram(host))?.kind).toBe('mariadb');
  });

  it('passes over what cannot be executed or does not run', async () => {
    await program('mariadbd', MARIADB, 0o644);
    await program('mysqld', 'exit 1');
    expect(await findServerProgram(host)).toBeUndefined();
  });

  it('looks where sbin and Homebrew are, which are in nobody’s PATH', () => {
    const folders = programFolders({ ...host, env: { PATH: '/somewhere:relative' } });
    expect(folders[0]).toBe('/somewhere');
    expect(folders).toEqual(expect.arrayContaining(['/usr/sbin', '/opt/homebrew/opt/mariadb/bin']));
    expect(folders).not.toContain('relative');
  });
});

describe('the lock of afd db start', () => {
  it('lets one in at a time, and leaves nothing, also when the work throws', async () => {
    const file = join(folder, 'lock');
    let [inside, most] = [0, 0];
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await readFile(file);
      inside -= 1;
      throw new Error('no');
    };
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => withStartLock(file, host, work)));
    expect(all).toMatchObject(Array(8).fill({ reason: { message: 'no' } }));
    expect([most, await readdir(folder)]).toEqual([1, []]);
  });

  it('of a process that died is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    const file = join(folder, 'lock');
    await writeFile(file, `${pid} left`);
    expect(await withStartLock(file, host, async () => 'in')).toBe('in');
    expect(await readdir(folder)).toEqual([]);
  });
});
