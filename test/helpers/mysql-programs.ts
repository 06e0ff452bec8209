// Where a private MySQL comes from. On Debian `mysqld` is MariaDB's, so that a real MySQL often lies elsewhere: in the whole
// other system that a script unpacks into a folder. Its programs run from there by that system's own loader and libraries.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hostFrom } from '../../src/core/server/host.ts';
import { findProgram, findServerProgram } from '../../src/core/server/server-program.ts';
import { ownDirectory } from './server.ts';

/** A folder with MySQL's programs and no MariaDB: what AFD_SERVER_FOLDERS is set to. */
export interface MysqlPrograms {
  folder: string;
  remove(): Promise<void>;
}

/** A script that unpacks a MySQL, and that says by `env` where its socket is. */
const SCRIPT =
  process.env.AFD_TEST_REAL_MYSQL ?? fileURLToPath(new URL('../../../shared/tools/real-mysql.sh', import.meta.url));

/**
 * The MySQL of this machine, else the one in the folder of another system: AFD_TEST_MYSQL_ROOT, or that of the script in
 * AFD_TEST_REAL_MYSQL. Returns why there is none.
 */
export async function mysqlPrograms(): Promise<MysqlPrograms | { why: string }> {
  const host = hostFrom(process);
  const installed = await findServerProgram(host, 'mysql');
  const root = installed === undefined ? await otherSystem() : undefined;
  if (installed === undefined && root === undefined)
    return { why: `no MySQL is installed, AFD_TEST_MYSQL_ROOT is not set, and there is no ${SCRIPT}` };
  if (root !== undefined && !existsSync(join(root, 'usr/sbin/mysqld'))) return { why: `there is no mysqld in ${root}` };
  const folder = await ownDirectory(tmpdir());
  // A test may be another user.
  await chmod(folder, 0o755);
  const make = (name: string, text: string) =>
    writeFile(join(folder, name), `#!/bin/sh\nexec ${text}\n`, { mode: 0o755 });
  if (root !== undefined) {
    await make('mysqld', await byItsLoader(root, 'usr/sbin/mysqld', FOLDERS));
    await make('mysql', await byItsLoader(root, 'usr/bin/mysql', []));
  } else {
    await make('mysqld', `'${installed!.server}' "$@"`);
    const client = await findProgram(host, ['mysql']);
    if (client !== undefined) await make('mysql', `'${client}' "$@"`);
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function otherSystem(): Promise<string | undefined> {
  if (process.env.AFD_TEST_MYSQL_ROOT !== undefined) return process.env.AFD_TEST_MYSQL_ROOT;
  if (!existsSync(SCRIPT)) return undefined;
  const { stdout } = await promisify(execFile)(SCRIPT, ['env']);
  return /^MYSQL_SOCKET=(.+)\/run\/[^/]+\/mysqld\.sock$/m.exec(stdout)?.[1];
}

/** Options that name the place of a server's own files; one that was built for /usr looks for them there. */
const FOLDERS = [
  ['basedir', 'usr'],
  ['lc-messages-dir', 'usr/share/mysql'],
  ['character-sets-dir', 'usr/share/mysql/charsets'],
  ['plugin-dir', 'usr/lib/mysql/plugin'],
];

async function byItsLoader(root: string, program: string, folders: string[][]): Promise<string> {
  const libraries = join(root, 'usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  const loader = (await readdir(libraries)).find((name) => /^ld-linux.*\.so\.\d+$/.test(name));
  if (loader === undefined) throw new Error(`there is no loader in ${libraries}`);
  const path = join(root, program);
  const more = folders.map(([name, place]) => `'--${name}=${join(root, place!)}'`).join(' ');
  return `'${join(libraries, loader)}' --library-path '${libraries}' --argv0 '${path}' '${path}' "$@" ${more}`;
}
