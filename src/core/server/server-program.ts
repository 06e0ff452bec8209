import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, runProgram } from './host.ts';

export type ServerKind = 'mariadb' | 'mysql';

export interface ServerProgram {
  kind: ServerKind;
  /** Path of mariadbd or mysqld. */
  server: string;
  /** What the program says of itself. */
  version: string;
}

/** Where server programs are found outside PATH: sbin is not in a normal user's, Homebrew's kegs are in no PATH. */
const FOLDERS = [
  '/usr/sbin',
  '/usr/bin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/libexec',
  '/usr/local/mariadb/bin',
  '/usr/local/mysql/bin',
  '/opt/homebrew/bin',
  '/opt/homebrew/opt/mariadb/bin',
  '/opt/homebrew/opt/mysql/bin',
  '/usr/local/opt/mariadb/bin',
  '/usr/local/opt/mysql/bin',
  '/home/linuxbrew/.linuxbrew/bin',
];

/** Folders in the order in which they are searched. `AFD_SERVER_FOLDERS` (colons between) stands for all of them. */
export function programFolders(host: Host): string[] {
  const only = host.env.AFD_SERVER_FOLDERS;
  const folders = only === undefined ? [...(host.env.PATH ?? '').split(':'), ...FOLDERS] : only.split(':');
  return [...new Set(folders.filter((folder) => folder.startsWith('/')))];
}

/** First executable of these names; a name is searched everywhere before the next one is. */
export async function findProgram(host: Host, names: string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of programFolders(host)) {
      const path = join(folder, name);
      if (await executable(path)) return path;
    }
  }
  return undefined;
}

/**
 * The server program of this machine: mariadbd before mysqld, since on Debian `mysqld` is a link to mariadbd. With
 * `kind`, only a program of that kind: the other one cannot read an existing datadir.
 */
export async function findServerProgram(host: Host, kind?: ServerKind): Promise<ServerProgram | undefined> {
  for (const name of ['mariadbd', 'mysqld']) {
    const server = await findProgram(host, [name]);
    if (server === undefined) continue;
    const { code, output } = await runProgram(host, [server, '--no-defaults', '--version']);
    if (code !== 0) continue;
    const found: ServerKind = /mariadb/i.test(output) ? 'mariadb' : 'mysql';
    if (kind !== undefined && kind !== found) continue;
    const version = /Ver\s+(\S+)/.exec(output)?.[1] ?? output;
    return { kind: found, server, version };
  }
  return undefined;
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
