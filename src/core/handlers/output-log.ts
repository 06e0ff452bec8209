import { StringDecoder } from 'node:string_decoder';
import { cleanText } from '../domain/error-text.ts';
import type { HandlerLog } from './handler.ts';

/** Bytes of output that one attempt may put into the log. */
export const OUTPUT_BYTES = 4 * 1024 * 1024;
/** Characters; a longer line goes into the log in pieces. */
const LINE = 8192;
/** Characters of the end of stderr that become the error message. */
const TAIL = 2048;

export type OutputStream = 'stdout' | 'stderr';

/** Takes a command's output apart into log lines (stdout = info, stderr = warn), bounded in total, and keeps the end of stderr. */
export class OutputLog {
  readonly #log: HandlerLog;
  readonly #limit: number;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #open = { stdout: '', stderr: '' };
  #bytes = 0;
  #tail = '';

  constructor(log: HandlerLog, limit = OUTPUT_BYTES) {
    this.#log = log;
    this.#limit = limit;
  }

  write(stream: OutputStream, chunk: Buffer): void {
    const text = this.#decoders[stream].write(chunk);
    if (stream === 'stderr') this.#tail = (this.#tail + text).slice(-TAIL);
    if (this.#bytes > this.#limit) return;
    this.#bytes += chunk.length;
    const lines = (this.#open[stream] + text).split(/\r\n|\n|\r/);
    this.#open[stream] = lines.pop()!;
    for (const line of lines) this.#line(stream, line);
    while (this.#open[stream].length > LINE) {
      this.#line(stream, this.#open[stream].slice(0, LINE));
      this.#open[stream] = this.#open[stream].slice(LINE);
    }
    if (this.#bytes > this.#limit) {
      this.end();
      this.#log.warn(`output beyond ${this.#limit} bytes is not logged`);
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
    return cleanText(this.#tail.slice(start)).trim();
  }

  #line(stream: OutputStream, text: string): void {
    const line = cleanText(text).trimEnd();
    if (line === '') return;
    if (stream === 'stdout') this.#log.info(line, { stream });
    else this.#log.warn(line, { stream });
  }
}
