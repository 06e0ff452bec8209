import { cleanText } from '../../domain/text/error-text.ts';
import type { Attempt, OutputStream } from '../handler.ts';

/** Bytes of the end of stderr that become the error message. */
const TAIL = 2048;
/** Bytes of output beyond which a command is read with pauses: one that says a gigabyte is not held up, an endless one is. */
const PLENTY = 1024 ** 3;

/** Passes on what a command puts out, and keeps the end of stderr. */
export class CommandOutput {
  readonly #print: Attempt['print'];
  #bytes = 0;
  /** Bytes: those of a command that writes without end are decoded once, when it has ended. */
  #tail: Buffer = Buffer.alloc(0);

  constructor(attempt: Pick<Attempt, 'print'>) {
    this.#print = (stream, chunk) => attempt.print(stream, chunk);
  }

  /** Bytes put out so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get plenty(): boolean {
    return this.#bytes > PLENTY;
  }

  write(stream: OutputStream, chunk: Buffer): void {
    if (stream === 'stderr') this.#tail = endOf(this.#tail, chunk);
    this.#bytes += chunk.length;
    this.#print(stream, chunk);
  }

  /** The last 2 KB of stderr, from the beginning of a line where there is one. */
  get stderrTail(): string {
    const whole = this.#tail.length < TAIL;
    const start = whole ? 0 : this.#tail.indexOf('\n') + 1;
    return cleanText(this.#tail.subarray(start).toString('utf8')).trim();
  }
}

/** The last bytes of both, as a copy: a part of a chunk would keep the whole of it. Begins with a whole character. */
function endOf(earlier: Buffer, chunk: Buffer): Buffer {
  const both = chunk.length >= TAIL ? chunk : Buffer.concat([earlier, chunk]);
  if (both.length < TAIL) return both;
  let start = both.length - TAIL;
  // 10xxxxxx goes on with a character of at most four bytes.
  while (start > 0 && start > both.length - TAIL - 3 && (both[start]! & 0xc0) === 0x80) start -= 1;
  return Buffer.from(both.subarray(start));
}
