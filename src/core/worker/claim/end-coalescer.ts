// How long ends wait for further ends, with which they share a transaction. An exchange costs the server and this process
// some milliseconds of CPU time, whatever it carries, so one for each end is too much for many processes on few cores.
import { setImmediate as immediate } from 'node:timers/promises';
import { sleep } from '../../runtime/loop.ts';

/** Ends wait this long when other attempts run here. */
const COALESCE_MS = 2;
/** And this long while enough tasks are prefetched: no slot waits for the claim that goes with them. */
const LONGEST_MS = 50;
/** This number of ends is written without waiting for others: by then the rows cost more than the exchange. */
const ENOUGH = 20;

export interface EndCoalescerOptions {
  queue: { readonly length: number };
  runner: { readonly busy: number };
  planner: { readonly hasPrefetched: boolean };
}

export class EndCoalescer {
  readonly #o: EndCoalescerOptions;
  #enough: (() => void) | undefined;
  #over = false;
  #hurried = false;

  constructor(options: EndCoalescerOptions) {
    this.#o = options;
  }

  /** Until the ends that are queued may be written; at once when there are none. */
  async wait(): Promise<void> {
    const { queue, runner } = this.#o;
    const ended = queue.length;
    if (ended === 0) return;
    // When nothing else runs here, no other end can come. A pause all the same: an end is queued before its slot is free.
    await (runner.busy > ended ? sleep(COALESCE_MS) : immediate());
    if (!this.#isEnough) {
      const cut = new Promise<void>((resolve) => {
        this.#enough = resolve;
      });
      await sleep(LONGEST_MS - COALESCE_MS, undefined, cut);
      this.#enough = undefined;
    }
    this.#hurried = false;
  }

  /** An end was queued. */
  queued(): void {
    if (this.#enough !== undefined && this.#isEnough) this.#enough();
  }

  /** Something else waits for the session: the ends wait for no others, this time. */
  hurry(): void {
    this.#hurried = true;
    this.#enough?.();
  }

  /** From now on ends wait for no others. */
  gatherNoMore(): void {
    this.#over = true;
    this.#enough?.();
  }

  get #isEnough(): boolean {
    const { queue, planner } = this.#o;
    return queue.length >= ENOUGH || this.#over || this.#hurried || !planner.hasPrefetched;
  }
}
