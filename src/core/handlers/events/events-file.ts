import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { EventLines } from './event-lines.ts';
import type { SaidEvents } from './said-events.ts';

/** Milliseconds. */
const READ_EVERY = 500;
const CHUNK = 256 * 1024;
/** Bytes that are read of it at a time, and at the end. */
const AT_ONCE = 4 * 1024 * 1024;
const AT_END = 16 * 1024 * 1024;
/** No link is followed, and a pipe or a device cannot block the reader. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Follows a file to which a command appends events. Nothing rejects. */
export class EventsFile {
  readonly #path: string;
  readonly #said: SaidEvents;
  readonly #lines: EventLines;
  #offset = 0;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #over = false;

  constructor(path: string, said: SaidEvents) {
    this.#path = path;
    this.#said = said;
    this.#lines = new EventLines(said);
  }

  follow(): void {
    this.#timer = setTimeout(() => {
      this.#reading = this.#read(AT_ONCE);
      void this.#reading.then(() => this.#over || this.follow());
    }, READ_EVERY);
  }

  /** Reads what is left. */
  async end(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    await this.#reading;
    await this.#read(AT_END);
    this.#lines.end();
  }

  async #read(most: number): Promise<void> {
    let file: FileHandle | undefined;
    try {
      const found = await this.#find();
      if (found === undefined) return;
      file = await open(this.#path, FLAGS);
      const { size } = await file.stat();
      const end = Math.min(size, this.#offset + most);
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, end - this.#offset));
      while (this.#offset < end) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - this.#offset), this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        this.#lines.push(chunk.subarray(0, bytesRead));
      }
      if (this.#over && this.#offset < size) {
        this.#said.warn(`${size - this.#offset} bytes of AFD_EVENTS_FILE were not read: too many at once`, true);
      }
    } catch (error) {
      this.#fail(`AFD_EVENTS_FILE cannot be read: ${thrownText(error)}`);
    } finally {
      await file?.close().catch(() => {});
    }
  }

  /** Undefined = there is nothing new in it. */
  async #find(): Promise<Stats | undefined> {
    const facts = await lstat(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (facts === undefined || this.#failed) return undefined;
    if (!facts.isFile()) return this.#fail('AFD_EVENTS_FILE is not a regular file');
    if (facts.size < this.#offset) {
      this.#said.warn('AFD_EVENTS_FILE was written anew; append to it (>>)', true);
      this.#offset = 0;
    }
    return facts.size === this.#offset ? undefined : facts;
  }

  #failed = false;

  #fail(problem: string): undefined {
    if (!this.#failed) this.#said.warn(problem, true);
    this.#failed = true;
  }
}
