import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';

/** What POSIX's execvp uses when PATH is not set. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

export type Program = { file: string } | { problem: string };

/**
 * Finds the program of a command: a name without a slash in `path`, anything else relative to `base_dir` (the folder
 * of the configuration file). Asked before every start, because under setpriv a missing program would only be a 127.
 */
export async function findProgram(name: string, base_dir: string, path: string | undefined): Promise<Program> {
  if (name === '') return { problem: 'the program name is empty' };
  if (name.includes('/')) {
    const file = resolve(base_dir, name);
    const state = await stateOf(file);
    if (state === 'program') return { file };
    return { problem: state === 'missing' ? `${file} does not exist` : `${file} is not executable (chmod +x)` };
  }
  for (const folder of (path || DEFAULT_PATH).split(delimiter)) {
    if (folder === '') continue;
    const file = join(resolve(base_dir, folder), name);
    if ((await stateOf(file)) === 'program') return { file };
  }
  return { problem: `the program ${name} was not found in PATH (${path || DEFAULT_PATH})` };
}

async function stateOf(file: string): Promise<'program' | 'missing' | 'plain'> {
  try {
    if (!(await stat(file)).isFile()) return 'plain';
  } catch {
    return 'missing';
  }
  return access(file, constants.X_OK).then(
    () => 'program',
    () => 'plain',
  );
}

/** Why a folder cannot be the working directory of a command; undefined when it can. */
export async function folderProblem(folder: string): Promise<string | undefined> {
  try {
    return (await stat(folder)).isDirectory() ? undefined : `the working directory ${folder} is not a directory`;
  } catch {
    return `the working directory ${folder} does not exist`;
  }
}

/**
 * The argv that starts a command so that the kernel kills it together with its parent, tried once; empty where there
 * is no setpriv that can (macOS, busybox). The kernel means the parent *thread*: start commands on the main one.
 */
export async function findDeathSignal(path: string | undefined): Promise<string[]> {
  const setpriv = await findProgram('setpriv', '/', path);
  const tried = await findProgram('true', '/', path);
  if ('problem' in setpriv || 'problem' in tried) return [];
  const prefix = [setpriv.file, '--pdeathsig', 'KILL', '--'];
  return new Promise((resolve) => {
    execFile(setpriv.file, [...prefix.slice(1), tried.file], { timeout: 5000 }, (error) => {
      resolve(error === null ? prefix : []);
    });
  });
}
