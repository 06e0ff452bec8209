import { readRecord, serverFiles, urlOf } from './server-directory.ts';

/** Where `afd db start` keeps its server unless told otherwise, below the project. */
export const SERVER_DIR = '.afd';

/**
 * The URL of the embedded server in `dir` (the `.afd` of a project), whether it runs or is stopped: a project that has one
 * means that one. Undefined when none was made there, also when something is there that afd did not make. Opens no
 * connection.
 */
export async function embeddedServerUrl(dir: string): Promise<string | undefined> {
  const files = await serverFiles(dir);
  const record = await readRecord(files).catch(() => undefined);
  return record?.kind === undefined ? undefined : urlOf(files, record);
}
