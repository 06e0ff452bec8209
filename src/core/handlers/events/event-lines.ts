/** Bytes of one event. */
export const EVENT_BYTES = 1024 * 1024;
/** Bytes that are kept of a longer one, to say which it was. */
const HEAD = 512;
const NEWLINE = 10;
const NOTHING = Buffer.alloc(0);

export interface LineReader {
  /** Without its newline; valid only during the call. */
  line(bytes: Buffer): void;
  /** `head`: its beginning. `bytes`: how many it had. */
  tooLong(head: Buffer, bytes: number): void;
}

/** Takes a stream of bytes apart into lines. Holds one line of the largest size at most, whatever comes. */
export class EventLines {
  readonly #reader: LineReader;
  /** The line that has no newline yet, and how much of it is filled. Of a line that is too long, its head. */
  #open: Buffer = NOTHING;
  #filled = 0;
  /** Bytes of a line that is too long; 0 = it is not. */
  #tooLong = 0;

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, to), true);
      this.#end();
      from = to + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from), false);
  }

  /** The last line may have no newline. */
  end(): void {
    this.#end();
  }

  #add(part: Buffer, whole: boolean): void {
    if (this.#tooLong > 0) {
      this.#tooLong += part.length;
    } else if (this.#filled + part.length > EVENT_BYTES) {
      this.#tooLong = this.#filled + part.length;
      this.#open = Buffer.concat([this.#open.subarray(0, Math.min(this.#filled, HEAD)), part.subarray(0, HEAD)]);
      this.#filled = Math.min(this.#open.length, HEAD);
    } else if (whole && this.#filled === 0) {
      this.#open = part;
      this.#filled = part.length;
    } else {
      this.#grow(this.#filled + part.length);
      part.copy(this.#open, this.#filled);
      this.#filled += part.length;
    }
  }

  #grow(wanted: number): void {
    if (wanted <= this.#open.length) return;
    const more = Buffer.allocUnsafe(Math.min(Math.max(wanted, this.#open.length * 2, HEAD), EVENT_BYTES));
    this.#open.copy(more, 0, 0, this.#filled);
    this.#open = more;
  }

  #end(): void {
    const line = this.#open.subarray(0, this.#filled);
    const bytes = this.#tooLong;
    this.#open = NOTHING;
    this.#filled = 0;
    this.#tooLong = 0;
    if (bytes > 0) this.#reader.tooLong(line, bytes);
    else if (line.length > 0) this.#reader.line(line);
  }
}
