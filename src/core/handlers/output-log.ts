import { StringDecoder } from 'node:string_decoder';
import { cleanText } from '../domain/text/error-text.ts';
import type { HandlerLog } from './handler.ts';

/** Bytes of output that one attempt may put into the log. */
export const OUTPUT_BYTES = 4 * 1024 * 1024;
/** Characters; a longer line goes into the log in pieces. */
const LINE = 8192;
/** Bytes of the end of stderr that become the error message. */
const TAIL = 2048;

export type OutputStream = 'stdout' | 'stderr';

/**
 * Takes a command's output apart into log lines, bounded in total, and keeps the end of stderr. Both streams are `info`: what
 * a program writes to stderr is its log, not a warning; if the attempt fails, the end of it is in the error.
 */
export class OutputLog {
  readonly #log: HandlerLog;
  readonly #limit: number;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #open = { stdout: '', stderr: '' };
  #bytes = 0;
  /** Bytes: those of a command that writes without end are decoded once, when it has ended. */
  #tail: Buffer = Buffer.alloc(0);

  constructor(log: HandlerLog, limit = OUTPUT_BYTES) {
    this.#log = log;
    this.#limit = limit;
  }

  /** Nothing more goes into the log; of stderr the end is still kept. */
  get full(): boolean {
    return this.#bytes > this.#limit;
  }

  write(stream: OutputStream, chunk: Buffer): void {
    if (stream === 'stderr') this.#tail = endOf(this.#tail, chunk);
    if (this.full) return;
    this.#bytes += chunk.length;
    const lines = (this.#open[stream] + this.#decoders[stream].write(chunk)).split(/\r\n|\n|\r/);
    this.#open[stream] = lines.pop()!;
    for (const line of lines) this.#line(stream, line);
    while (this.#open[stream].length > LINE) {
      this.#line(stream, this.#open[stream].slice(0, LINE));
      this.#open[stream] = this.#open[stream].slice(LINE);
    }
    if (this.full) {
      this.end();
      this.#log.warn(`the output exceeds ${this.#limit} bytes; the rest is not logged`);
    }
  }

  /** Logs the last lines, which had no newline. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#line(stream, this.#open[stream]);
      this.#open[stream] = '';
    }
  }

  /** The last 2 KB of stderr, from the beginning of a line where there is one. */
  get stderrTail(): string {
    const whole = this.#tail.length < TAIL;
    const start = whole ? 0 : this.#tail.indexOf('\n') + 1;
    return cleanText(this.#tail.subarray(start).toString('utf8')).trim();
  }

  #line(stream: OutputStream, text: string): void {
    const line = cleanText(text).trimEnd();
    if (line === '') return;
    this.#log.info(line, { stream });
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
