// A file that only grows: one record a line, each with its length and checksum, so that a tail which was torn by a power loss
// is known as such. Lines: 8 hexadecimal digits of the length in bytes, 8 of the CRC-32, the JSON text.
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

const HEAD = 18;
const [SPACE, NEWLINE] = [0x20, 0x0a];
/** Of the owner alone: results and checkpoints are as confidential as the database. */
const MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface ReadJournal {
  records: unknown[];
  /** Bytes of whole records, from the beginning. */
  length: number;
  /** Bytes behind them. */
  torn: number;
}

export function encodeRecord(record: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(record));
  return Buffer.concat([Buffer.from(`${digits(text.length)} ${digits(crc32(text))} `), text, Buffer.from('\n')]);
}

/** Whole records up to the first one that is not. */
export function decodeRecords(bytes: Buffer): ReadJournal {
  const records: unknown[] = [];
  let at = 0;
  for (;;) {
    const length = Number.parseInt(bytes.toString('latin1', at, at + 8), 16);
    const text = bytes.subarray(at + HEAD, at + HEAD + length);
    const end = at + HEAD + length;
    if (!(length >= 0) || text.length < length || bytes[end] !== NEWLINE) break;
    if (bytes[at + 8] !== SPACE || bytes[at + 17] !== SPACE) break;
    if (bytes.toString('latin1', at + 9, at + 17) !== digits(crc32(text))) break;
    try {
      records.push(JSON.parse(text.toString()));
    } catch {
      break;
    }
    at = end + 1;
  }
  return { records, length: at, torn: bytes.length - at };
}

function digits(number: number): string {
  return number.toString(16).padStart(8, '0');
}

/** Reads a journal, and cuts what is torn. @throws Error of the file system */
export async function readJournal(path: string): Promise<ReadJournal> {
  const file = await open(path, 'r+');
  try {
    const found = decodeRecords(await file.readFile());
    if (found.torn > 0) {
      await file.truncate(found.length);
      await file.datasync();
    }
    return found;
  } finally {
    await file.close();
  }
}

interface Batch {
  records: Buffer[];
  written: Promise<void>;
}

/**
 * Appends to a new file. What `append` has resolved survives the end of the process and of the machine. One operation at a time, in
 * the order in which they were called; one that fails leaves the file as it was, and the next is tried all the same.
 */
export class JournalFile {
  readonly path: string;
  readonly #open: typeof open;
  #file: FileHandle | undefined;
  #length = 0;
  #queued = 0;
  /** Its turn has not come: further records join it. */
  #batch: Batch | undefined;
  #last: Promise<void> = Promise.resolve();

  /** `opened`: in place of the file system's, for tests of its faults. */
  constructor(path: string, opened: typeof open = open) {
    this.path = path;
    this.#open = opened;
  }

  /** Bytes that are written or wait to be. */
  get length(): number {
    return this.#length + this.#queued;
  }

  /** Several calls share one write. @throws Error of the file system: then nothing of it is in the file */
  append(record: Buffer): Promise<void> {
    this.#queued += record.length;
    if (this.#batch === undefined) {
      const records: Buffer[] = [];
      const written = this.#inTurn(async () => {
        this.#batch = undefined;
        const bytes = Buffer.concat(records);
        await this.#write(bytes).finally(() => {
          this.#queued -= bytes.length;
        });
      });
      this.#batch = { records, written };
    }
    this.#batch.records.push(record);
    return this.#batch.written;
  }

  /** Everything that was appended until now is delivered. @throws Error of the file system */
  clear(): Promise<void> {
    // What is appended from now on comes after it.
    this.#batch = undefined;
    return this.#inTurn(async () => {
      await this.#file?.truncate(0);
      this.#length = 0;
    });
  }

  /** Removes it where `remove`. */
  close(remove: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const file = this.#file;
      this.#file = undefined;
      await file?.close();
      if (remove && file !== undefined) await rm(this.path, { force: true });
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#file ??= await this.#create();
    try {
      const { bytesWritten } = await this.#file.write(bytes, 0, bytes.length, this.#length);
      if (bytesWritten < bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`);
      await this.#file.datasync();
    } catch (error) {
      await this.#file.truncate(this.#length).catch(() => {});
      throw error;
    }
    this.#length += bytes.length;
  }

  async #create(): Promise<FileHandle> {
    const folder = dirname(this.path);
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const file = await this.#open(this.path, 'wx', MODE);
    try {
      // The name of the file must survive a power loss as well.
      const parent = await this.#open(folder, 'r');
      await parent.sync().finally(() => parent.close());
      return file;
    } catch (error) {
      await file.close();
      await rm(this.path, { force: true });
      throw error;
    }
  }
}
