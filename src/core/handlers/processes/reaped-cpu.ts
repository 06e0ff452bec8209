import { processStat, processUnits } from './process-table.ts';

/**
 * The CPU time of commands that have ended, as the kernel adds it to this process when it waits for them: with that of all
 * descendants that were waited for in turn, however short they were. Node does not tell it for each child, so it is the
 * difference from one exit to the next; exits in the same turn of the event loop share it equally. Other children of the main
 * thread (of a module, say) that end in between are counted in.
 */
export class ReapedCpu {
  readonly #tickMs = 1000 / processUnits().ticksPerSecond;
  #ticks = childTicks();
  #waiting: Array<(ms: number) => void> = [];

  /** Called in the `exit` event of a command. Milliseconds. */
  exited(): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      // libuv waits for all that have ended before it goes on.
      if (this.#waiting.length === 1) setImmediate(() => this.#share());
    });
  }

  #share(): void {
    const now = childTicks();
    const each = ((now - this.#ticks) * this.#tickMs) / this.#waiting.length;
    this.#ticks = now;
    for (const tell of this.#waiting.splice(0)) tell(each);
  }
}

function childTicks(): number {
  return processStat('self')?.childTicks ?? 0;
}
