import { StringDecoder } from 'node:string_decoder';
import type { SecretMask } from '../domain/redaction/secret-mask.ts';
import { cleanText } from '../domain/text/error-text.ts';
import type { HandlerLog, OutputStream } from './handler.ts';

/** Bytes of output that one attempt may put into the log. */
export const OUTPUT_BYTES = 4 * 1024 * 1024;
/** Characters; a longer line goes into the log in pieces. */
const LINE = 8192;

/**
 * Takes the output of a handler apart into log lines of the device, bounded in total. Both streams are `info`: what a
 * program writes to stderr is its log, not a warning; if the attempt fails, the end of it is in the error.
 */
export class OutputLog {
  readonly #log: HandlerLog;
  readonly #limit: number;
  readonly #mask: SecretMask | undefined;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #open = { stdout: '', stderr: '' };
  #bytes = 0;

  /** `mask`: a long line is not cut within what it hides. */
  constructor(log: HandlerLog, { limit = OUTPUT_BYTES, mask }: { limit?: number; mask?: SecretMask | undefined } = {}) {
    this.#log = log;
    this.#limit = limit;
    this.#mask = mask;
  }

  /** Nothing more goes into the log. */
  get full(): boolean {
    return this.#bytes > this.#limit;
  }

  write(stream: OutputStream, chunk: Buffer): void {
    if (this.full) return;
    this.#bytes += chunk.length;
    const lines = (this.#open[stream] + this.#decoders[stream].write(chunk)).split(/\r\n|\n|\r/);
    this.#open[stream] = lines.pop()!;
    for (const line of lines) this.#line(stream, line);
    while (this.#open[stream].length > LINE + (this.#mask?.longest ?? 0)) {
      const text = this.#open[stream];
      const end = this.#mask?.cutBefore(text, LINE) ?? LINE;
      this.#line(stream, text.slice(0, end));
      this.#open[stream] = text.slice(end);
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

  #line(stream: OutputStream, text: string): void {
    const line = cleanText(text).trimEnd();
    if (line === '') return;
    this.#log.info(line, { stream });
  }
}
