// Files of the configuration: small, opened once, and never waited for without end.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { readAtMost } from '../runtime/read-at-most.ts';

/** Bytes; no configuration, password or bundle of certificates is nearly as large. */
const MOST_BYTES = 1024 * 1024;
/** Pause between two reads of a pipe from which nothing has come yet. Milliseconds. */
const POLL_MS = 20;
/** For a pipe that no process has opened to write, and for a writer that itself asks a user. Milliseconds. */
const WAIT_MS = { nobody: 2000, writer: 30_000 };

export interface SmallFile {
  text: string;
  facts: Stats;
}

/**
 * The text of a file, and the stat of the very file that was read. A pipe (`<(pass show database)`) is given time to
 * deliver.
 * @throws Error in words that follow "cannot be read: "
 */
export async function readSmallFile(path: string): Promise<SmallFile> {
  // O_NONBLOCK: a pipe without a writer would hold the process here.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await file.stat();
    if (facts.isDirectory()) throw new Error('it is a directory');
    const bytes = facts.isFIFO() ? await readPipe(file) : await readAtMost(file, MOST_BYTES);
    if (bytes === undefined) throw new Error(`it is larger than ${MOST_BYTES / 1024 / 1024} MiB`);
    return { text: bytes.toString('utf8'), facts };
  } finally {
    await file.close();
  }
}

/** An end before the first byte may come before the writer does. */
async function readPipe(file: FileHandle): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for (let waited = 0; ; ) {
    const part = await readReady(file);
    if (part !== undefined && part.length > 0) {
      parts.push(part);
      length += part.length;
      if (length > MOST_BYTES) throw new Error(`this pipe delivered more than ${MOST_BYTES / 1024 / 1024} MiB`);
      continue;
    }
    if (part !== undefined && length > 0) return Buffer.concat(parts);
    const limitMs = part === undefined ? WAIT_MS.writer : WAIT_MS.nobody;
    if (waited >= limitMs) throw new Error(`it is a pipe, and no more data arrived within ${limitMs / 1000} s`);
    await pause(POLL_MS);
    waited += POLL_MS;
  }
}

/** undefined = its writer has nothing to say yet; empty = there is no writer. */
async function readReady(file: FileHandle): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
