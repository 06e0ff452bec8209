import type { ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { AfdError } from '../domain/errors.ts';

/** The file as a stream, and its size. @throws AfdError E_NOT_FOUND, E_USAGE for what cannot be read */
export async function openImportFile(path: string): Promise<{ stream: ReadStream; size: number }> {
  try {
    const file = await open(path, 'r');
    const facts = await file.stat();
    if (facts.isDirectory()) {
      await file.close();
      throw new AfdError('E_USAGE', `"${path}" is a directory, not a file.`);
    }
    return { stream: file.createReadStream({ highWaterMark: 256 * 1024 }) as ReadStream, size: facts.size };
  } catch (error) {
    if (error instanceof AfdError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new AfdError('E_NOT_FOUND', `There is no file "${path}".`, {
        suggestions: ['afd tasks import --help'],
        cause: error,
      });
    throw new AfdError('E_USAGE', `"${path}" cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}
