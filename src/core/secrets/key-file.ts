// Makes keys of the fleet in a file that this user alone can read. The key itself is printed nowhere.
import { writeNew, writeWhole } from '../certificates/whole-files.ts';
import { readSmallFile } from '../config/small-file.ts';
import { AfdError } from '../domain/errors.ts';
import { newKey, parseKeys } from './fleet-key.ts';
import { refusal } from './key-source.ts';

const HEAD = `# Keys of afd for secrets. The first one is used for new values; the others still open old ones. Keep this file secret.`;

export interface MadeKey {
  /** Absolute. */
  file: string;
  key_id: string;
  /** Of the keys that were in the file before. */
  old_key_ids: string[];
}

/**
 * Writes a file with a new key, or with `add`, puts a new key in front of those of a file.
 * @throws AfdError E_CONFLICT: the file exists; E_NOT_FOUND: it does not; E_CONFIG: it has something else in it; E_FAILED
 */
export async function makeKeyFile(
  file: string,
  { add, uid }: { add: boolean; uid?: number | undefined },
): Promise<MadeKey> {
  const { id: key_id, line } = newKey();
  if (!add) {
    await writeNew(file, `${HEAD}\n${line}\n`, 'secret').catch((error: AfdError) => {
      if (error.code !== 'E_CONFLICT') throw error;
      throw new AfdError('E_CONFLICT', `${file} exists and is not replaced: what its keys encrypt would be lost.`, {
        suggestions: [`afd secrets key ${file} --add`],
      });
    });
    return { file, key_id, old_key_ids: [] };
  }
  const before = await existing(file, uid);
  const others = before.split('\n').filter((one) => one.trim() !== '' && one !== HEAD);
  await writeWhole(file, `${[HEAD, line, ...others].join('\n')}\n`, 'secret');
  return { file, key_id, old_key_ids: parseKeys(before).map((one) => one.id) };
}

async function existing(file: string, uid: number | undefined): Promise<string> {
  const { text, facts } = await readSmallFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw failed(file, error);
    throw new AfdError('E_NOT_FOUND', `${file} does not exist.`, { suggestions: [`afd secrets key ${file}`] });
  });
  try {
    const why = refusal(file, facts, uid);
    if (why !== undefined) throw new Error(why);
    parseKeys(text);
  } catch (error) {
    throw new AfdError('E_CONFIG', `${file} cannot be used: ${(error as Error).message}.`, {
      suggestions: ['afd secrets key --help'],
    });
  }
  return text;
}

function failed(file: string, error: Error): AfdError {
  return new AfdError('E_FAILED', `The key file ${file} cannot be read: ${error.message}.`, {
    suggestions: ['afd secrets key --help'],
    cause: error,
  });
}
