// Copies named files of a working folder to where they stay. Nothing of the attempt runs any more, but what it left is not
// trusted: no link is followed, and only regular files are read.
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { spelledBytes } from '../../domain/byte-size.ts';
import { cleanText } from '../../domain/text/error-text.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { readAtMost } from '../../runtime/read-at-most.ts';
import type { HandlerLog } from '../handler.ts';

/** Bytes of all artefacts of one attempt. */
export const ARTIFACT_BYTES = 10 * 1024 * 1024;
/** More matching files are not kept. */
const MOST_FILES = 1000;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface KeepOptions {
  /** The working folder. */
  from: string;
  /** `handlers.<type>.files.keep`. */
  patterns: string[];
  /** `worker.artifacts`: it must exist, or a share that is not mounted would be filled below its mount point. */
  root: string;
  task_id: number;
  attempt: number;
  log: HandlerLog;
}

/** Copies to `<root>/<task_id>/<attempt>/<name>`. Never rejects: what cannot be kept is a warning in the log of the attempt. */
export async function keepArtifacts({ from, patterns, root, task_id, attempt, log }: KeepOptions): Promise<void> {
  const warn = (text: string) => log.warn(`artefacts: ${cleanText(text)}`);
  try {
    const names = await matching(from, patterns);
    if (names.length === 0) return;
    if (names.length > MOST_FILES) warn(`${names.length} files match; only the first ${MOST_FILES} are kept`);
    const facts = await lstat(root).catch(() => undefined);
    if (facts === undefined) return warn(`not kept: the folder ${root} (worker.artifacts) does not exist`);
    let left = ARTIFACT_BYTES;
    for (const name of names.slice(0, MOST_FILES)) {
      try {
        const bytes = await contents(join(from, name), left);
        if (typeof bytes === 'string') {
          warn(`${name} is not kept: it ${bytes}`);
          continue;
        }
        await store(join(root, `${task_id}`, `${attempt}`, name), bytes);
        left -= bytes.length;
      } catch (error) {
        warn(`${name} is not kept: ${thrownText(error)}`);
      }
    }
  } catch (error) {
    warn(`not kept: ${thrownText(error)}`);
  }
}

/** Relative paths of what matches, each once, in order. */
async function matching(from: string, patterns: string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) for (const name of await expand(from, '', pattern.split('/'))) found.add(name);
  return [...found].sort();
}

async function expand(from: string, folder: string, [part, ...rest]: string[]): Promise<string[]> {
  const fits = nameTest(part!);
  const entries = await readdir(join(from, folder), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    if (!fits(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    // A link to a folder is no folder here.
    if (rest.length === 0 && !entry.isDirectory()) found.push(path);
    else if (rest.length > 0 && entry.isDirectory()) found.push(...(await expand(from, path, rest)));
  }
  return found;
}

/**
 * `*` and `?` of one name. By hand: a regular expression of a pattern with many stars takes exponential time.
 * A name that begins with a point fits only a pattern that does.
 */
function nameTest(pattern: string): (name: string) => boolean {
  return (name) => {
    if (name.startsWith('.') !== pattern.startsWith('.')) return false;
    let [at, next, star, stamp] = [0, 0, -1, 0];
    while (at < name.length) {
      if (pattern[next] === '*') [star, stamp, next] = [next, at, next + 1];
      else if (pattern[next] === '?' || pattern[next] === name[at]) [at, next] = [at + 1, next + 1];
      else if (star >= 0) [next, stamp, at] = [star + 1, stamp + 1, stamp + 1];
      else return false;
    }
    while (pattern[next] === '*') next += 1;
    return next === pattern.length;
  };
}

/** Its bytes, or why they are not kept. */
async function contents(path: string, most: number): Promise<Buffer | string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, READ);
    const facts = await file.stat();
    if (!facts.isFile()) return 'is not a regular file';
    const bytes = facts.size > most ? undefined : await readAtMost(file, most);
    return bytes ?? `would exceed ${spelledBytes(ARTIFACT_BYTES)} for the artefacts of one attempt`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP' || code === 'ENXIO') return 'is not a regular file';
    throw error;
  } finally {
    await file?.close();
  }
}

/** Whole or not at all, also when the disk is full. */
async function store(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.part`;
  try {
    await writeFile(part, bytes, { mode: 0o640 });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
}
