// Files with certificates and keys.
import { readSmallFile } from '../../core/config/small-file.ts';
import { AfdError } from '../../core/domain/errors.ts';

/** `forbidden`: bits of the mode that the file must not have. @throws AfdError E_CONFIG */
export async function readPem(name: string, path: string, forbidden = 0): Promise<string> {
  const { text, facts } = await readSmallFile(path).catch((error: Error) => {
    throw refused(name, `${path} (${name}) cannot be read: ${error.message}.`, error);
  });
  if (!facts.isFile() || (facts.mode & forbidden) === 0) return text;
  const who = (facts.mode & forbidden & 0o007) === 0 ? 'a group' : 'everybody';
  throw refused(name, `${path} (${name}) can be read or changed by ${who}: run chmod 600 ${path}.`);
}

export function refused(key: string, message: string, cause?: unknown): AfdError {
  return new AfdError('E_CONFIG', message, { suggestions: ['afd config show'], data: { key }, cause });
}
