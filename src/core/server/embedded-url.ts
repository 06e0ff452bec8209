import { readRecord, serverFiles, urlOf } from './server-directory.ts';
import { runningPid } from './server-process.ts';

/** Where `afd db start` keeps its server unless told otherwise, below the project. */
export const SERVER_DIR = '.afd';

/**
 * The URL of the embedded server in `dir` (the `.afd` of a project) when one is running there; undefined otherwise,
 * also when something is there that afd did not make. Opens no connection.
 */
export async function embeddedServerUrl(dir: string): Promise<string | undefined> {
  const files = await serverFiles(dir);
  const record = await readRecord(files).catch(() => undefined);
  if (record?.kind === undefined || (await runningPid(files)) === undefined) return undefined;
  return urlOf(files, record);
}
