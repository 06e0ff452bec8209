import { deflateRawSync } from 'node:zlib';
import type { LogPiece } from '../../db/logs/write-log.ts';
import type { SecretMask } from '../../domain/redaction/secret-mask.ts';
import { LineSplitter } from '../../domain/run-log/line-splitter.ts';
import { encodeLines, type LogLine, type LogSource } from '../../domain/run-log/log-line.ts';
import { quotaOf, RunLogBuffer, type RunLogQuota } from '../../domain/run-log/run-log-buffer.ts';
import type { LogFiles } from './log-files.ts';

/** Characters of a piece, about. */
const PIECE = 65_536;
/** A reader pays for decompression once, the writer for each piece: the quickest level already saves most. */
const DEFLATE = { level: 1 };

export interface AttemptLogOptions {
  task_id: number;
  attempt: number;
  device_id: string;
  /** Bytes of output that are kept. */
  bytes: number;
  /** Secrets that must not be shown; made when the first line is decoded. */
  mask: () => SecretMask;
  /** Files with the same lines. */
  files?: LogFiles | undefined;
  /** Only an attempt that fails leaves its log. */
  onFailure: boolean;
}

/** The output of one attempt on its way into the database. */
export class AttemptLog {
  readonly options: AttemptLogOptions;
  readonly quota: RunLogQuota;
  readonly #buffer: RunLogBuffer;
  #splitter: LineSplitter | undefined;
  /** Made, but not known to be written. */
  #pieces: LogPiece[] = [];
  /** Where the next piece begins. */
  #from = 0;
  #ended = false;
  /** Whether its pieces may be written now. */
  #wanted: boolean;
  /** Bytes before which the middle was deleted. */
  trimmedTo: number;

  constructor(options: AttemptLogOptions) {
    this.options = options;
    this.quota = quotaOf(options.bytes);
    this.#buffer = new RunLogBuffer(this.quota);
    this.#wanted = !options.onFailure;
    this.trimmedTo = this.quota.head;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that wait in memory. */
  get waiting(): number {
    return this.#buffer.waiting + this.#pieces.reduce((sum, one) => sum + one.body.length, 0);
  }

  /** Pieces were made, and are not known to be written. */
  get doubtful(): boolean {
    return this.#pieces.length > 0;
  }

  /** Nothing is left to write. */
  get complete(): boolean {
    return this.#ended && this.#buffer.waiting === 0 && this.#pieces.length === 0 && this.#splitter === undefined;
  }

  /** Bytes of output before which only the beginning is kept. */
  get tailFrom(): number {
    return this.#buffer.total - this.quota.tail;
  }

  add(source: LogSource, bytes: Buffer, at: number): void {
    if (!this.#ended) this.#buffer.add(source, bytes, at);
  }

  /** Whole lines. */
  addText(source: LogSource, text: string, at: number): void {
    if (!this.#ended) this.#buffer.addText(source, text, at);
  }

  /** Output that was dropped before it came here. */
  skip(bytes: number): void {
    this.#buffer.skip(bytes);
  }

  shorten(bytes: number): void {
    this.#buffer.shorten(bytes);
  }

  /** Nothing more is added. `failed` decides whether a log that is kept on failure only is written. */
  end(failed: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    if (failed) this.#wanted = true;
    if (this.#wanted) return;
    this.#buffer.take();
    this.#splitter = undefined;
  }

  /** What is to be written now, in order; the same again until `written` says that it is. */
  pieces(): LogPiece[] {
    // While the last ones cannot be written, the buffer bounds what waits.
    if (this.#wanted && this.#pieces.length === 0) this.#make();
    return this.#pieces;
  }

  /** The pieces that end at or before this byte are in the database. */
  written(toByte: number): void {
    this.#pieces = this.#pieces.filter((one) => one.to_byte > toByte);
  }

  #make(): void {
    const chunks = this.#buffer.take();
    if (chunks.length === 0 && !this.#ended) return;
    this.#splitter ??= new LineSplitter(this.options.mask());
    let lines: LogLine[] = [];
    let size = 0;
    let end = this.#end;
    const close = () => {
      if (lines.length > 0) this.#push(lines, end);
      lines = [];
      size = 0;
    };
    for (const chunk of chunks) {
      if (chunk.from > end) {
        lines.push(...this.#splitter.gap());
        close();
        this.#from = chunk.from;
      }
      end = chunk.to;
      for (const one of this.#splitter.split(chunk)) {
        size += one.text.length;
        lines.push(one);
      }
      if (size >= PIECE) close();
    }
    this.#end = end;
    if (this.#ended) {
      lines.push(...this.#splitter.end());
      this.#splitter = undefined;
    }
    close();
  }

  /** Bytes of its file. */
  #inFile = 0;
  /** Bytes of output that were taken apart so far. */
  #end = 0;

  #push(lines: LogLine[], end: number): void {
    const { task_id, attempt, device_id, files } = this.options;
    this.#inFile = files?.append(this.options, lines, this.#inFile) ?? 0;
    const body = deflateRawSync(encodeLines(lines), DEFLATE);
    // The last line may end without a further byte.
    const to_byte = Math.max(end, this.#from + 1);
    this.#pieces.push({ task_id, attempt, device_id, from_byte: this.#from, to_byte, line_count: lines.length, body });
    this.#from = to_byte;
  }
}
