// The channel on which a command says what a module says through ctx: a descriptor of its own, and a file for programs that
// cannot write to one.
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Attempt } from '../handler.ts';
import { EventLines } from './event-lines.ts';
import { EventsFile } from './events-file.ts';
import { SaidEvents } from './said-events.ts';

/** One digit, because sh knows no others (`>&7`); scripts that need a spare one take 3, 4, 5, 8 or 9. */
export const EVENTS_FD = 7;
/** Milliseconds of work with events, after which that many times as long is waited: they never take the whole process. */
const BUSY_MS = 10;
const REST = 3;
/** Milliseconds. What the group has written is there when it is gone; who still holds the pipe is not waited for. */
const QUIET_MS = 50;
const LONGEST_END_MS = 1000;
/** One turn of the event loop reads all that a socket holds, and the first may only have begun to read. */
const CHECKS = 3;

/** `stdio` of a command: the three streams, the events, and what stands in the place of inherited descriptors. */
export function stdioWithEvents(hidden: ReadonlyArray<'ignore' | number>): Array<'pipe' | 'ignore' | number> {
  const count = Math.max(hidden.length + 3, EVENTS_FD + 1);
  return Array.from({ length: count }, (_, fd) => (fd < 3 || fd === EVENTS_FD ? 'pipe' : (hidden[fd - 3] ?? 'ignore')));
}

export class CommandEvents {
  readonly said: SaidEvents;
  readonly env: { AFD_EVENTS_FD: string; AFD_EVENTS_FILE: string };
  readonly #lines: EventLines;
  readonly #file: EventsFile;
  #pipe: Socket | undefined;
  #bytes = 0;
  #spentMs = 0;
  #rest: NodeJS.Timeout | undefined;
  #last = false;

  /** `path`: in the private folder of the attempt. */
  constructor(attempt: Attempt, path: string) {
    this.env = { AFD_EVENTS_FD: String(EVENTS_FD), AFD_EVENTS_FILE: path };
    this.said = new SaidEvents(attempt);
    this.#lines = new EventLines(this.said);
    this.#file = new EventsFile(path, this.said);
  }

  /** The command has started. */
  read(child: ChildProcess): void {
    const pipe = (child.stdio as Array<Socket | null>)[EVENTS_FD]!;
    this.#pipe = pipe;
    // It is a socket: a command that reads there finds the end.
    pipe.end();
    pipe.on('data', (chunk: Buffer) => this.#take(chunk));
    pipe.on('error', (error) => this.said.warn(`the events of the command cannot be read: ${thrownText(error)}`, true));
    this.#file.follow();
  }

  /** Its process group is gone: reads what it has left. Never rejects. */
  async ended(): Promise<void> {
    // What is left is little, and it must all be read.
    this.#last = true;
    clearTimeout(this.#rest);
    this.#pipe?.resume();
    await this.#quiet();
    this.#pipe?.destroy();
    this.#lines.end();
    await this.#file.end();
    this.said.end();
  }

  #take(chunk: Buffer): void {
    const began = monotonic();
    this.#bytes += chunk.length;
    this.#lines.push(chunk);
    this.#spentMs += monotonic() - began;
    if (this.#last || this.#spentMs < BUSY_MS) return;
    this.#pipe?.pause();
    this.#rest = setTimeout(() => this.#pipe?.resume(), this.#spentMs * REST);
    this.#spentMs = 0;
  }

  /** Resolves when the pipe is closed, or nothing comes any more. */
  #quiet(): Promise<void> {
    const pipe = this.#pipe;
    if (pipe === undefined || pipe.closed) return Promise.resolve();
    const until = monotonic() + LONGEST_END_MS;
    return new Promise((resolve) => {
      let seen = this.#bytes;
      let checks = 0;
      let timer: NodeJS.Timeout;
      // A timer may be due before the pipe was read.
      const check = () =>
        setImmediate(() => {
          const quiet = this.#bytes === seen;
          seen = this.#bytes;
          checks += 1;
          if (quiet || (checks >= CHECKS && monotonic() > until)) resolve();
          else timer = setTimeout(check, QUIET_MS);
        });
      timer = setTimeout(check, QUIET_MS);
      pipe.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
