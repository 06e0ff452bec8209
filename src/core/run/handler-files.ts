// Which files belong to a handler, and which of them changed. They are asked for by stat: that works in every file system,
// also where no events come from (mounted folders), and needs no watch of the kernel.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { HandlerConfig } from '../config/config-schema.ts';
import { AfdError } from '../domain/errors.ts';
import { sleep } from '../runtime/loop.ts';

/** Milliseconds between two checks; a change counts when two checks agree. */
const CHECK_MS = 200;
/** What editors and interpreters leave beside a file. */
const NOISE = /^\.|~$|\.(pyc|swp|tmp)$/;

/** What is known of each file, by its path. */
export type FileStates = ReadonlyMap<string, string>;

/**
 * The file of a handler: the module, or the first argument of the command that is a file, or else its program.
 * @throws AfdError E_USAGE for a command without one
 */
export async function handlerFile(type: string, handler: HandlerConfig, baseDir: string): Promise<string> {
  if (handler.module !== undefined) return resolve(baseDir, handler.module);
  const [program = '', ...words] = handler.exec ?? [];
  const own = resolve(baseDir, program);
  if (program.startsWith('.')) return own;
  for (const word of words) {
    const path = resolve(baseDir, handler.cwd ?? '.', word);
    if ((await stateOf(path)) !== undefined) return path;
  }
  if (program.includes('/')) return own;
  throw new AfdError('E_USAGE', `There is no file to watch: no argument of handlers.${type}.exec is a file.`, {
    suggestions: [`afd run ${type}`],
  });
}

/** A file, and those beside it. */
export async function withNeighbours(file: string): Promise<FileStates> {
  const names = await readdir(dirname(file)).catch(() => []);
  return statesOf([file, ...names.filter((name) => !NOISE.test(name)).map((name) => join(dirname(file), name))]);
}

export async function statesOf(files: string[]): Promise<FileStates> {
  const states = new Map<string, string>();
  for (const path of new Set(files)) {
    const state = await stateOf(path);
    if (state !== undefined) states.set(path, state);
  }
  return states;
}

/** Waits for a change since `before`, until nothing changes any more, and returns the name of the file; undefined = aborted. */
export async function nextChange(
  check: () => Promise<FileStates>,
  before: FileStates,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let last = before; !signal.aborted; await sleep(CHECK_MS, signal)) {
    const now = await check();
    const changed = differenceOf(before, now);
    if (changed !== undefined && differenceOf(last, now) === undefined) return basename(changed);
    last = now;
  }
  return undefined;
}

function differenceOf(before: FileStates, now: FileStates): string | undefined {
  return [...now.keys(), ...before.keys()].find((path) => before.get(path) !== now.get(path));
}

/** Undefined = there is no such file. */
async function stateOf(path: string): Promise<string | undefined> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isFile() === true ? `${facts.ino} ${facts.size} ${facts.mtimeMs} ${facts.ctimeMs}` : undefined;
}
