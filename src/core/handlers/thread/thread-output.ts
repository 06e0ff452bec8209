// What a handler prints in a thread, on its way to the main thread. A handler that prints without pause must not fill the memory
// with messages that nobody has read: what waits here is bounded, and the newest is kept.
import type { Attempt, OutputStream } from '../handler.ts';
import type { FromThread } from './handler-thread-messages.ts';

type Output = Extract<FromThread, { kind: 'output' }>;

/** Bytes that wait for the end of a turn of the event loop: as much as a run log keeps by default. */
const MOST_WAITING = 1_048_576;

export class ThreadOutput {
  readonly #id: number;
  readonly #say: (message: Output) => void;
  #chunks: Array<[OutputStream, Buffer]> = [];
  #bytes = 0;
  #dropped = 0;

  constructor(id: number, say: (message: Output) => void) {
    this.#id = id;
    this.#say = say;
  }

  write(stream: OutputStream, chunk: Buffer): void {
    if (this.#chunks.length === 0) setImmediate(() => this.flush());
    this.#chunks.push([stream, chunk]);
    this.#bytes += chunk.length;
    if (this.#bytes > MOST_WAITING * 2) this.#dropOldest();
  }

  /** Passes on what waits. */
  flush(): void {
    if (this.#chunks.length === 0) return;
    const chunks = this.#chunks.map(([stream, chunk]): [OutputStream, string] => [stream, chunk.toString('latin1')]);
    this.#say({ kind: 'output', id: this.#id, dropped: this.#dropped, chunks });
    this.#chunks = [];
    this.#bytes = 0;
    this.#dropped = 0;
  }

  #dropOldest(): void {
    let from = 0;
    while (this.#bytes > MOST_WAITING && from < this.#chunks.length - 1) {
      const { length } = this.#chunks[from]![1];
      this.#bytes -= length;
      this.#dropped += length;
      from += 1;
    }
    this.#chunks = this.#chunks.slice(from);
  }
}

/** In the main thread: gives it to the attempt, if that is still there. */
export function printOutput(attempt: Attempt | undefined, { dropped, chunks }: Output): void {
  if (dropped > 0) attempt?.skipOutput(dropped);
  for (const [stream, text] of chunks) attempt?.print(stream, Buffer.from(text, 'latin1'));
}
