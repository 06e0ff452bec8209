import { lstat } from 'node:fs/promises';
import { orAbsent } from './absent.ts';
import { readRecord, serverFiles, urlOf } from './server-directory.ts';
import { assertOwn } from './server-trust.ts';

/** Where `afd db start` keeps its server by default, below the project. */
export const SERVER_DIR = '.afd';

/**
 * The URL of the embedded server in `dir` (the `.afd` of a project), whether it runs or is stopped: a project that has one
 * means that one. Undefined when none was made there, also when something is there that afd did not make. Opens no
 * connection. `uid`: of this process.
 * @throws AfdError E_CONFLICT when what is there belongs to another user, or others may write it: not ours, and not nothing
 */
export async function embeddedServerUrl(dir: string, uid: number | undefined): Promise<string | undefined> {
  const files = await serverFiles(dir);
  if ((await orAbsent(lstat(files.root))) === undefined) return undefined;
  await assertOwn(files, uid);
  // It is this user's, but not made by afd: no server of ours.
  const record = await readRecord(files).catch(() => undefined);
  return record?.kind === undefined ? undefined : urlOf(files, record);
}
