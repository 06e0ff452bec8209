import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { sleep } from '../../runtime/loop.ts';
import type { OutputStream } from '../handler.ts';
import { readPaced } from '../paced-output.ts';

/** Milliseconds; what still holds a pipe after its group has gone has left the group on purpose. */
const PIPE_WAIT_MS = 1000;
/** Turns of the event loop; what prints without end must not keep an attempt open. */
const MOST_TURNS = 10;

export interface OutputOptions {
  take(stream: OutputStream, chunk: Buffer): void;
  /** It has printed more than is read without pauses. */
  plenty(): boolean;
}

/** What a process prints: its code, its native code, or programs that it started. */
export class ProcessOutput {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #heard = false;

  constructor(child: ChildProcess, { take, plenty }: OutputOptions) {
    this.#child = child;
    const ends = (['stdout', 'stderr'] as const).map((name) => {
      const stream = child[name];
      if (stream === null) return undefined;
      readPaced(
        stream,
        (chunk) => {
          this.#heard = true;
          take(name, chunk);
        },
        plenty,
      );
      return once(stream, 'close').catch(() => stream.destroy());
    });
    this.#closed = Promise.all(ends);
  }

  /** Resolves when what lies in the pipes now has been taken. */
  async taken(): Promise<void> {
    for (let turns = 0; turns < MOST_TURNS; turns += 1) {
      this.#heard = false;
      // One turn may have begun before the last bytes came; the next one has looked at the pipes.
      await turn();
      await turn();
      if (!this.#heard) return;
    }
  }

  /** After the end of the process: resolves when its output has ended, or is not waited for any more. */
  async close(): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#closed, sleep(PIPE_WAIT_MS, over.signal)]);
    over.abort();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }
}
