// A private server is started, asked and deleted only where no other user can interfere: a user who may write its
// folder can put a password, a socket or tables of his own there, and the statements would run as the user who starts
// it.
import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AfdError } from '../domain/errors.ts';
import { orAbsent } from './absent.ts';
import type { ServerFiles } from './server-directory.ts';

const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const OTHERS = 0o077;
const ROOT = 0;

/**
 * Checks everything of this server that exists, and the folders above it. What does not exist yet is not missed. `uid`:
 * of this process; undefined (there are no user ids) = nothing is checked.
 * @throws AfdError E_CONFLICT when another user owns any of it, or may change or replace it
 */
export async function assertOwn(files: ServerFiles, uid: number | undefined): Promise<void> {
  if (uid === undefined) return;
  // As it was named, and where its links lead: a link within a folder of others could lead anywhere tomorrow.
  for (const path of new Set([...above(files.named), ...above(files.parent)])) await assertAbove(path, uid);
  const named = await orAbsent(lstat(files.named));
  if (named?.isSymbolicLink() === true && !ownedBy(named, uid)) throw refused(files.named, owner(named));
  await assertInside(files.parent, uid, { kind: 'folder' });
  const root = await assertInside(files.root, uid, { kind: 'folder' });
  // Nobody else comes past a folder that is closed, whatever the modes behind it are.
  const closed = root !== undefined && (root.mode & OTHERS) === 0;
  const { data, tmp, outfiles, record, dataMarker, password, setup, log, pid, serverPid } = files;
  for (const path of [data, tmp, outfiles]) await assertInside(path, uid, { kind: 'folder', closed });
  for (const path of [record, dataMarker, password, setup, log, pid, serverPid]) {
    await assertInside(path, uid, { kind: 'file', closed });
  }
  await assertInside(files.lock, uid, { kind: 'file' });
}

/** The folders on the way to a path, nearest first. */
function above(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...above(folder)];
}

/** A user who may write a folder can replace what is in it, unless it is sticky, as /tmp is; its owner always can. */
async function assertAbove(path: string, uid: number): Promise<void> {
  const facts = await orAbsent(lstat(path));
  if (facts === undefined) return;
  if (!ownedBy(facts, uid)) throw refused(path, owner(facts));
  if (facts.isDirectory() && writtenByOthers(facts) && (facts.mode & STICKY) === 0) throw refused(path, WRITABLE);
}

async function assertInside(
  path: string,
  uid: number,
  { kind, closed = false }: { kind: 'folder' | 'file'; closed?: boolean },
): Promise<Stats | undefined> {
  const facts = await orAbsent(lstat(path));
  if (facts === undefined) return undefined;
  if (facts.uid !== uid) throw refused(path, owner(facts));
  if (kind === 'folder' ? !facts.isDirectory() : !facts.isFile()) throw refused(path, `is not a regular ${kind}`);
  if (!closed && writtenByOthers(facts)) throw refused(path, WRITABLE);
  return facts;
}

const WRITABLE = 'can be written by other users';

function owner({ uid }: Stats): string {
  return `belongs to another user (uid ${uid})`;
}

function ownedBy(facts: Stats, uid: number): boolean {
  return facts.uid === uid || facts.uid === ROOT;
}

/** A group with the number of the owner is the owner's own, as most systems make one for each user. */
function writtenByOthers({ mode, uid, gid }: Stats): boolean {
  return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && gid !== uid);
}

function refused(path: string, why: string): AfdError {
  const message = `${path} ${why}, so another user could control a private server in it. Nothing was started, read or deleted.`;
  return new AfdError('E_CONFLICT', message, {
    suggestions: [...(why === WRITABLE ? [`chmod go-w ${path}`] : []), 'afd db start --dir ~/afd-server'],
    data: { path },
  });
}
