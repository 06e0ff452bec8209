// Output can fail: the disk is full, the terminal is closed, the reader of the pipe has exited. That must
// neither end a worker nor print a stack trace; lost lines are counted and reported.
import { fstatSync, writeSync } from 'node:fs';
import type { LogStream } from '../core/log/log.ts';
import { wallClock } from '../core/runtime/clock.ts';

/** Writes a text; `done` has the error when it could not. `torn` = a part of the text is out, so its line is open. */
export type Sink = (text: string, done: (error?: NodeJS.ErrnoException | null, torn?: boolean) => void) => void;

export interface OutputOptions {
  sink: Sink;
  /** Of the stream behind it, for the thread that writes while this one is blocked. */
  fd?: number | undefined;
  /** The line, with its end, that says how many lines were lost since the last one, and why. */
  notice(lost: number, why: string): string;
}

/** Log lines for a stream that may refuse them. A line that could not be written is lost; the next one is tried again. */
export class LineOutput implements LogStream {
  readonly fd: number | undefined;
  readonly #options: OutputOptions;
  #lost = 0;
  #why = '';
  #torn = false;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.fd = options.fd;
  }

  write(line: string): void {
    const owed = this.#lost;
    const open = this.#torn ? '\n' : '';
    const notice = owed === 0 ? '' : this.#options.notice(owed, this.#why);
    this.#lost = 0;
    this.#torn = false;
    this.#options.sink(`${open}${notice}${line}`, (error, torn = false) => {
      if (error === undefined || error === null) return;
      this.#lost += owed + 1;
      this.#torn ||= torn || open !== '';
      this.#why = error.message;
    });
  }
}

/** stderr, as a node's log writes to it: text or JSON lines of `format`. */
export function logOutput(format: 'text' | 'json', stream: NodeJS.WriteStream = process.stderr): LineOutput {
  return new LineOutput({
    sink: sinkOf(stream),
    fd: (stream as { fd?: number }).fd,
    notice(lost, why) {
      const time = wallClock();
      const message = `the log is writable again; ${lost} line${lost === 1 ? ' was' : 's were'} lost (${why})`;
      if (format === 'json') return `${JSON.stringify({ level: 'warn', time, message, lost_lines: lost })}\n`;
      return `${time} WARN  - ${message}\n`;
    },
  });
}

/** A file takes what fits and refuses the rest: written here, so that it is known where a line was cut. */
function sinkOf(stream: NodeJS.WriteStream): Sink {
  const fd = (stream as { fd?: number }).fd;
  if (fd === undefined || !fstatSync(fd).isFile()) {
    // As it is now: what handlers print is caught on the way to the stream, and becomes lines of this log.
    const write = stream.write.bind(stream);
    return (text, done) => write(text, (error) => done(error));
  }
  return (text, done) => {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
      done();
    } catch (error) {
      done(error as NodeJS.ErrnoException, written > 0);
    }
  };
}

/** Errors of stdout that the command reports itself. */
const reported = new WeakSet<Error>();

/** The command reports this error of stdout as its own. */
export function reportsItself(error: Error): void {
  reported.add(error);
}

/** For the case that stdout is lost: the failure that stands there with --json, or what to do about a text that is shown once. */
let onLoss: { failure?: string; commands?: string[] } = {};

/** `failure`: with its line feed, in place of the sentence that all went well. `commands`: to try. */
export function ifOutputIsLost(what: { failure: string } | { commands: string[] }): void {
  onLoss = what;
}

/**
 * For the whole process: a refused write is no uncaught error. A reader that left early (`afd tasks ls | head -1`) has
 * what it wanted. Any other loss of stdout is reported on stderr at the end, with exit code 1 if all else succeeded.
 */
export function guardOutput(target: NodeJS.Process = process): void {
  let lost: NodeJS.ErrnoException | undefined;
  for (const stream of [target.stdout, target.stderr]) {
    // oclif's own throws.
    stream.removeAllListeners('error');
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (stream === target.stdout && error.code !== 'EPIPE') lost ??= error;
    });
  }
  target.on('exit', () => {
    if (lost === undefined || reported.has(lost)) return;
    if (!target.exitCode) target.exitCode = 1;
    const { failure, commands = [] } = onLoss;
    const why = `output is lost, because stdout cannot be written: ${lost.message}.`;
    const done = `Error: The ${why} The command itself has completed. [E_FAILED]\n`;
    const text = failure === undefined ? done : `${failure}Warning: the ${why}\n`;
    target.stderr.write(`${text}${commands.map((one) => `  Try: ${one}\n`).join('')}`);
  });
}
