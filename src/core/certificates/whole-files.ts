// The key and the certificate of this device, and those of an authority, as files. The key is on the disk before what needs it, and
// what replaces a file is complete before it has its name: whenever this process is killed, the files fit each other.
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readSmallFile } from '../config/small-file.ts';
import { AfdError } from '../domain/errors.ts';

const MODES = { secret: 0o600, public: 0o644 } as const;

/** Undefined = there is no such file. @throws AfdError E_FAILED */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readSmallFile(path)).text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AfdError('E_FAILED', `${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}

type Kind = keyof typeof MODES;

/** It is on the disk, whole, when this resolves; before, the older one is. @throws AfdError E_FAILED */
export async function writeWhole(path: string, text: string, kind: Kind): Promise<void> {
  await write(path, text, kind, (fresh) => rename(fresh, path));
}

/** The same for a file that replaces none. @throws AfdError E_CONFLICT: there is one, which stays as it is; E_FAILED */
export async function writeNew(path: string, text: string, kind: Kind): Promise<void> {
  await write(path, text, kind, async (fresh) => {
    await link(fresh, path);
    await rm(fresh);
  });
}

async function write(path: string, text: string, kind: Kind, named: (fresh: string) => Promise<void>): Promise<void> {
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(fresh, 'wx', MODES[kind]);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await named(fresh);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {});
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new AfdError('E_CONFLICT', `${path} exists and is not replaced.`, { cause: error });
    const suggestions = [toTry(code, dirname(path))];
    throw new AfdError('E_FAILED', `${path} cannot be written: ${message}.`, { suggestions, cause: error });
  }
}

function toTry(code: string | undefined, folder: string): string {
  if (code === 'ENOENT') return `mkdir -p ${folder}`;
  return code === 'ENOSPC' || code === 'EDQUOT' ? `df -h ${folder}` : `ls -ld ${folder}`;
}
