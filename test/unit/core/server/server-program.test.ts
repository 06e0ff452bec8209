import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Host, hostFrom } from '../../../../src/core/server/host.ts';
import { findServerProgram, programFolders } from '../../../../src/core/server/server-program.ts';

describe('finding a server program', () => {
  let folder: string;
  let host: Host;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'afd-programs-'));
    host = { ...hostFrom(process), env: { PATH: process.env.PATH, AFD_SERVER_FOLDERS: folder } };
  });
  afterEach(() => rm(folder, { recursive: true }));

  const program = async (name: string, version: string, mode = 0o755) => {
    await writeFile(join(folder, name), `#!/bin/sh\necho '${version}'\n`);
    await chmod(join(folder, name), mode);
  };
  const MARIADB = '/usr/sbin/mariadbd  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64';
  const MYSQL = '/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))';

  it('takes mariadbd before mysqld', async () => {
    await program('mysqld', MYSQL);
    await program('mariadbd', MARIADB);
    expect(await findServerProgram(host)).toEqual({
      kind: 'mariadb',
      server: join(folder, 'mariadbd'),
      version: '10.11.18-MariaDB-0+deb12u1',
    });
  });

  it('knows a mysqld that is a MariaDB by what it says', async () => {
    await program('mysqld', MARIADB);
    expect((await findServerProgram(host))?.kind).toBe('mariadb');
  });

  it('finds mysqld where an existing datadir needs a MySQL', async () => {
    await program('mysqld', MYSQL);
    await program('mariadbd', MARIADB);
    expect((await findServerProgram(host, 'mysql'))?.server).toBe(join(folder, 'mysqld'));
  });

  it('passes over what cannot be executed or does not run', async () => {
    await program('mariadbd', MARIADB, 0o644);
    await writeFile(join(folder, 'mysqld'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect(await findServerProgram(host)).toBeUndefined();
  });

  it('looks where sbin and Homebrew are, which are in nobody’s PATH', () => {
    const folders = programFolders({ ...host, env: { PATH: '/somewhere:relative' } });
    expect(folders[0]).toBe('/somewhere');
    expect(folders).toContain('/usr/sbin');
    expect(folders).toContain('/opt/homebrew/opt/mariadb/bin');
    expect(folders).not.toContain('relative');
  });
});
