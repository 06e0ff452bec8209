// The files of cgroup v2. Each write is one system call: the kernel reads a value from one `write`.
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @throws what the kernel answers; ENOENT: this kernel has no such file */
export function writeValue(dir: string, name: string, value: string | number): Promise<void> {
  // Never creates: on cgroupfs that is EACCES, which means something else.
  return writeFile(join(dir, name), String(value), { flag: 'r+' });
}

/** Like `writeValue`; false where the kernel has no such file. */
export async function writeIfThere(dir: string, name: string, value: string | number): Promise<boolean> {
  try {
    await writeValue(dir, name, value);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** '' where there is none. */
export function readValue(dir: string, name: string): Promise<string> {
  return readFile(join(dir, name), 'latin1').catch(() => '');
}

/** The number behind a key, as in `oom_kill 1`; undefined where there is none. */
export function numberIn(text: string, key: string): number | undefined {
  for (const line of text.split('\n')) {
    const [name, value] = line.split(' ');
    if (name === key && value !== undefined && /^\d+$/.test(value)) return Number(value);
  }
  return undefined;
}

/** Its own processes and those of the groups in it; zombies are none. */
export async function pidsIn(dir: string): Promise<number[]> {
  const own = (await readValue(dir, 'cgroup.procs')).split('\n').filter((line) => /^\d+$/.test(line));
  const inner = await Promise.all((await groupsIn(dir)).map(pidsIn));
  return [...own.map(Number), ...inner.flat()];
}

/** Paths of the groups right in it. */
export async function groupsIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((one) => one.isDirectory()).map((one) => join(dir, one.name));
}

/** Removes a group and those in it. @throws EBUSY: something runs in one of them */
export async function removeGroup(dir: string): Promise<void> {
  for (const inner of await groupsIn(dir)) await removeGroup(inner);
  await rmdir(dir).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
