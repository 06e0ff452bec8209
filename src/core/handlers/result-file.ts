import { lstat, readFile } from 'node:fs/promises';
import { RESULT_BYTES } from '../domain/handler-result.ts';
import { thrownText } from '../domain/thrown-text.ts';

/** What a command left in AFD_RESULT_FILE. An empty file is none. */
export type ResultFile = { kind: 'none' } | { kind: 'value'; value: unknown } | { kind: 'bad'; problem: string };

/** Room for the JSON around a result of the largest size. */
const FILE_BYTES = RESULT_BYTES * 2;

/** Reads the result file. Never throws: what cannot be read is `bad`, which is never done. */
export async function readResultFile(file: string): Promise<ResultFile> {
  try {
    const found = await lstat(file);
    // A fifo or a device would keep the reader waiting for ever.
    if (!found.isFile()) return { kind: 'bad', problem: 'is not a plain file' };
    if (found.size > FILE_BYTES) return { kind: 'bad', problem: `has ${found.size} bytes, more than ${FILE_BYTES}` };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
    return text.trim() === '' ? { kind: 'none' } : { kind: 'value', value: JSON.parse(text) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
    return { kind: 'bad', problem: `cannot be read: ${thrownText(error)}` };
  }
}
