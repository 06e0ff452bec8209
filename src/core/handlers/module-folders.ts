// Which files a worker loads as handlers: those whose real path lies in a folder that the configuration names, and which nobody can change but
// root, the user of this process and those whom it obeys anyway.
import type { Stats } from 'node:fs';
import { access, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { AfdError } from '../domain/errors.ts';
import { thrownText } from '../domain/text/thrown-text.ts';
import { ownUser } from './processes/own-process.ts';

export interface HandlerFolders {
  /** Absolute. */
  paths: string[];
  /** Users beside root and that of the process that loads a module. */
  owners: number[];
}

const GROUP_WRITES = 0o020;
const ALL_WRITE = 0o002;
/** In such a folder one replaces only what is one's own. */
const STICKY = 0o1000;

/**
 * `folders`: `worker.handler_folders`. `author`: who the configuration file belongs to, which names programs to run anyway; undefined = there is
 * no file. A process of a handler may run as another user, so this one is named too.
 */
export function handlerFolders(folders: string[], base_dir: string, author?: number | undefined): HandlerFolders {
  const owners = [author, ownUser()].filter((one) => one !== undefined);
  return { paths: folders.map((one) => resolve(base_dir, one)), owners };
}

/**
 * The real path of a handler module. `module` is relative to `base_dir`, the folder of the configuration file.
 * @throws AfdError E_HANDLER_MISSING: there is no such file; E_CONFIG: it is elsewhere, or others can change it
 */
export async function moduleFile(
  type: string,
  { module, base_dir, folders }: { module: string; base_dir: string; folders: HandlerFolders },
): Promise<string> {
  const file = resolve(base_dir, module);
  const real = await realFile(type, file);
  const around = (await Promise.all(folders.paths.map(realFolder))).filter((one) => one !== undefined);
  // The innermost one: least of what is above a module needs to be looked at.
  const [folder] = around.filter((one) => isInside(one, real)).sort((a, b) => b.length - a.length);
  if (folder === undefined) {
    const leads = real === file ? '' : `, which leads to ${real}`;
    throw refused(
      type,
      `${file}${leads}, is in none of the folders of worker.handler_folders (${folders.paths.join(', ')}). Add its folder there:\nworker: { handler_folders: [${dirname(real)}] }`,
    );
  }
  const problem = await changeable(folder, real, folders.owners);
  if (problem !== undefined) throw refused(type, `${real}, could be changed by others: ${problem}.`);
  return real;
}

async function realFile(type: string, file: string): Promise<string> {
  try {
    await access(file);
    return await realpath(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? 'does not exist' : `cannot be read (${thrownText(cause)})`;
    throw new AfdError('E_HANDLER_MISSING', `The handler of ${type} ${why}: ${file} (handlers.${type}.module).`, {
      cause,
    });
  }
}

/** Undefined = there is no such folder, so no module lies in it. */
async function realFolder(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

function isInside(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Why somebody else can change the module, as the rest of a sentence; undefined = nobody can. */
async function changeable(folder: string, file: string, owners: number[]): Promise<string | undefined> {
  const own = ownUser();
  if (own === undefined) return undefined;
  const trusted = new Set([0, own, ...owners]);
  for (let path = file; ; path = dirname(path)) {
    const facts = await stat(path);
    const problem = isInside(folder, path)
      ? await problemInside(path, facts, { own, trusted })
      : problemAbove(path, facts);
    if (problem !== undefined) return problem;
    if (dirname(path) === path) return undefined;
  }
}

async function problemInside(
  path: string,
  facts: Stats,
  { own, trusted }: { own: number; trusted: ReadonlySet<number> },
): Promise<string | undefined> {
  if (!trusted.has(facts.uid)) return `${path} belongs to another user (uid ${facts.uid}); run chown ${own} ${path}`;
  if ((facts.mode & ALL_WRITE) !== 0) return `all users can write ${path}; run chmod go-w ${path}`;
  if ((facts.mode & GROUP_WRITES) === 0 || (await hasOnly(facts.gid, trusted))) return undefined;
  return `the group ${facts.gid} can write ${path}; run chmod g-w ${path}`;
}

/** A folder above those that the configuration names: groups such as staff may write /usr/local, and its owner is not ours to judge. */
function problemAbove(path: string, { mode }: Stats): string | undefined {
  return (mode & ALL_WRITE) === 0 || (mode & STICKY) !== 0
    ? undefined
    : `all users can write ${path}; run chmod o-w ${path}`;
}

/** Whether these users are all who is in a group, as /etc says: many systems give each user a group of their own. */
async function hasOnly(gid: number, trusted: ReadonlySet<number>): Promise<boolean> {
  const [users, groups] = await Promise.all(['/etc/passwd', '/etc/group'].map(entriesOf));
  const uids = new Map(users!.map(([name, , uid]) => [name, Number(uid)]));
  const listed = groups!.filter((one) => Number(one[2]) === gid).flatMap((one) => (one[3] ?? '').split(','));
  const members = [
    ...users!.filter((one) => one.length > 3 && Number(one[3]) === gid).map((one) => Number(one[2])),
    ...listed.filter((name) => name !== '').map((name) => uids.get(name) ?? -1),
  ];
  return members.length > 0 && members.every((uid) => trusted.has(uid));
}

async function entriesOf(file: string): Promise<string[][]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}

/** `what`: the file, and the rest of the sentence. */
function refused(type: string, what: string): AfdError {
  return new AfdError(
    'E_CONFIG',
    `The handler of ${type} is not loaded: its module (handlers.${type}.module), ${what}`,
  );
}
