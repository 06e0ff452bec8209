// The private folder of an attempt: AFD_WORK_DIR, with the result file and a TMPDIR inside it.
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { HandlerLog } from '../handler.ts';
import { readStamp, stampLives } from '../processes/worker-stamp.ts';
import type { HandlerUser } from './handler-user.ts';

/**
 * The stamp of the worker is in the name: by it the next worker recognizes what a dead one could not remove. In base 36,
 * because programs make sockets in their TMPDIR, and the path of a socket has at most 107 bytes.
 */
const OF_WORKER = /^afd-([a-z\d]+)\.([a-z\d]+)\.([a-z\d]+)-[A-Za-z\d]{6}$/;
const KEPT_AS = /afd-(?:[a-z\d.]+-)?([A-Za-z\d]{6})$/;

export class WorkFolder {
  /** What is made and removed. */
  #outer: string;
  readonly #inner: string;

  private constructor(outer: string, inner: string) {
    this.#outer = outer;
    this.#inner = inner;
  }

  /**
   * 0700, as mkdtemp makes it: its files may hold what others must not read. `stamp`: `ownStamp()`. The folder of another
   * `user` lies within one of the worker's: in a folder for all, its owner could put a link in its place, and the worker
   * would read and remove somewhere else.
   */
  static async make(stamp: string | undefined, user?: Pick<HandlerUser, 'uid' | 'gid'>): Promise<WorkFolder> {
    const owner = stamp === undefined ? '' : `${stamp.split(':').map(shorter).join('.')}-`;
    const outer = await mkdtemp(join(tmpdir(), `afd-${owner}`));
    const folder = new WorkFolder(outer, user === undefined ? '' : 'work');
    if (user !== undefined) await mkdir(folder.path, { mode: 0o700 });
    await mkdir(folder.temporary, { mode: 0o700 });
    if (user !== undefined) {
      for (const one of [folder.temporary, folder.path]) await chown(one, user.uid, user.gid);
      await chmod(outer, 0o711);
    }
    return folder;
  }

  get path(): string {
    return join(this.#outer, this.#inner);
  }

  get resultFile(): string {
    return join(this.path, 'result.json');
  }

  get temporary(): string {
    return join(this.path, 'tmp');
  }

  /** Never rejects: the attempt has ended by now. */
  async remove(log: HandlerLog): Promise<void> {
    await rm(this.#outer, { recursive: true, force: true }).catch((error: unknown) => {
      log.warn(`cannot remove ${this.#outer}: ${thrownText(error)}`);
    });
  }

  /** Lets it stay, under a name that tells the attempt and that no worker removes. Never rejects. */
  async keep(task_id: number, attempt: number, log: HandlerLog): Promise<void> {
    const kept = this.#outer.replace(KEPT_AS, `afd-kept-${task_id}-${attempt}-$1`);
    await rename(this.#outer, kept).then(
      () => {
        this.#outer = kept;
      },
      (error: unknown) => log.warn(`cannot rename ${this.#outer}: ${thrownText(error)}`),
    );
    log.warn(`the working folder of this attempt is kept: ${this.path}`);
  }
}

/** Removes the folders of attempts whose worker has died on this machine. Returns what went wrong. */
export async function removeAbandonedFolders(stamp: string): Promise<string[]> {
  const own = readStamp(stamp);
  const problems: string[] = [];
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names) {
    const worker = readStamp((OF_WORKER.exec(name) ?? []).slice(1).map(longer).join(':'));
    if (worker === undefined || worker.namespace !== own?.namespace || stampLives(worker)) continue;
    const path = join(tmpdir(), name);
    // Anyone can make a folder of that name: in another user's, nothing is removed.
    const [theirs, ours] = await Promise.all([lstat(path), lstat('/proc/self/stat')]).catch(() => []);
    if (theirs === undefined || theirs.uid !== ours?.uid) continue;
    await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
      problems.push(`cannot remove ${path}, which a worker that died has left: ${thrownText(error)}`);
    });
  }
  return problems;
}

function shorter(number: string): string {
  return BigInt(number).toString(36);
}

function longer(digits: string): string {
  return String(Number.parseInt(digits, 36));
}
