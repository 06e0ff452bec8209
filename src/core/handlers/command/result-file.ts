import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { RESULT_ADVICE, RESULT_BYTES } from '../../domain/attempt/handler-result.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { readAtMost } from '../../runtime/read-at-most.ts';

/** What a command left in AFD_RESULT_FILE. An empty file is none. */
export type ResultFile = { kind: 'none' } | { kind: 'value'; value: unknown } | { kind: 'bad'; problem: string };

/** Room for the JSON around a result of the largest size. */
const FILE_BYTES = RESULT_BYTES * 2;
/** No link is followed, and a pipe or a device cannot block the reader; what is checked is what was opened. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads the result file. Never throws: what cannot be read is `bad`, which is never done. */
export async function readResultFile(path: string): Promise<ResultFile> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, FLAGS);
    const facts = await file.stat();
    if (!facts.isFile()) return NOT_PLAIN;
    if (facts.size > FILE_BYTES) return tooLarge(`${facts.size} bytes`);
    const bytes = await readAtMost(file, FILE_BYTES);
    if (bytes === undefined) return tooLarge('a growing number of bytes');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.trim() === '' ? { kind: 'none' } : { kind: 'value', value: JSON.parse(text) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'none' };
    // ELOOP: a link. ENXIO: a socket.
    if (code === 'ELOOP' || code === 'ENXIO') return NOT_PLAIN;
    return { kind: 'bad', problem: `cannot be read: ${thrownText(error)}` };
  } finally {
    await file?.close();
  }
}

const NOT_PLAIN: ResultFile = { kind: 'bad', problem: 'is not a regular file' };

function tooLarge(size: string): ResultFile {
  return { kind: 'bad', problem: `has ${size}; a result has at most ${RESULT_BYTES} bytes as JSON. ${RESULT_ADVICE}` };
}
