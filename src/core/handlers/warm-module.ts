import { failedAttempt } from '../domain/attempt/handler-result.ts';
import type { Outcome } from '../domain/attempt/outcome.ts';
import { thrownClass, thrownText } from '../domain/text/thrown-text.ts';
import { sleep } from '../runtime/loop.ts';
import { abortedOutcome } from './aborted-outcome.ts';
import type { Attempt, HandlerLog } from './handler.ts';
import { callFunction } from './module-handler.ts';
import type { HandlerModule } from './module-loader.ts';

export interface WarmModuleOptions {
  log: HandlerLog;
  /** Runs a hook as the code of no attempt: what it leaves behind (a timer, a session) belongs to the place. */
  apart<T>(call: () => T): T;
}

/** One call of `warmUp`. */
interface Warming {
  readonly stop: AbortController;
  readonly value: Promise<unknown>;
  /** Attempts that wait for it. */
  waiting: number;
  state: 'under way' | 'warm' | 'failed';
}

/**
 * A handler module with hooks in one place. The first attempt calls `warmUp`, and those that come meanwhile wait for the
 * same call. One that failed, or for which nobody waits any more, is forgotten: the next attempt begins another.
 */
export class WarmModule {
  readonly #module: HandlerModule;
  readonly #options: WarmModuleOptions;
  #current: Warming | undefined;
  /** Calls that nobody waits for; what they still bring is cleaned up. */
  readonly #late = new Set<Promise<void>>();

  constructor(module: HandlerModule, options: WarmModuleOptions) {
    this.#module = module;
    this.#options = options;
  }

  /** Never rejects. */
  async execute(attempt: Attempt): Promise<Outcome> {
    const { timeout } = attempt.task;
    const notBegun = (detail: string) => abortedOutcome(attempt.aborted(), timeout, detail);
    if (attempt.aborted() !== undefined) return notBegun('; the handler had not started');
    this.#current ??= this.#begin(attempt.device_id);
    const warming = this.#current;
    if (warming.state !== 'warm') {
      const failure = await this.#wait(warming, attempt);
      if (attempt.aborted() !== undefined) return notBegun('; the handler had not started: its warmUp had not ended');
      if (failure !== undefined) return failure;
    }
    return callFunction(this.#module.call, attempt, await warming.value);
  }

  /** Calls `cleanUp` for what there is, and waits for it at most this long. Never rejects. */
  async cleanUp(limitMs: number): Promise<void> {
    const { log } = this.#options;
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) {
      if (current.state === 'under way') current.stop.abort();
      this.#cleanLater(current);
    }
    const over = new AbortController();
    const limit = sleep(limitMs, over.signal).then(() => 'late' as const);
    const end = await Promise.race([Promise.all(this.#late), limit]);
    over.abort();
    if (end === 'late') log.warn(`cleanUp of the handler module did not end within ${limitMs / 1000} s`);
  }

  #begin(device_id: string): Warming {
    const stop = new AbortController();
    const { log, apart } = this.#options;
    const { warmUp } = this.#module;
    // Called at once, but what it throws at once is a rejection all the same.
    const call = async () => warmUp?.({ device_id, log, signal: stop.signal });
    const warming: Warming = { stop, value: apart(call), waiting: 0, state: 'under way' };
    warming.value.then(
      () => {
        warming.state = 'warm';
      },
      () => {
        warming.state = 'failed';
        if (this.#current === warming) this.#current = undefined;
      },
    );
    return warming;
  }

  /** The outcome of an attempt whose warm-up failed. */
  async #wait(warming: Warming, attempt: Attempt): Promise<Outcome | undefined> {
    warming.waiting += 1;
    const aborted = new Promise<undefined>((resolve) => attempt.onAbort(() => resolve(undefined)));
    const failure = warming.value.then(
      () => undefined,
      (error: unknown) =>
        failedAttempt(`The warmUp of the handler module failed: ${thrownText(error)}`, thrownClass(error)),
    );
    const first = await Promise.race([failure, aborted]);
    warming.waiting -= 1;
    if (warming.waiting === 0 && warming.state === 'under way' && this.#current === warming) {
      this.#current = undefined;
      warming.stop.abort();
      this.#cleanLater(warming);
    }
    return first;
  }

  /** Cleans up what this call gives, once it has. */
  #cleanLater({ value }: Warming): void {
    const { log, apart } = this.#options;
    const clean = async (shared: unknown) => {
      try {
        await apart(() => this.#module.cleanUp?.(shared));
      } catch (error) {
        log.warn(`cleanUp of the handler module failed: ${thrownText(error)}`);
      }
    };
    // A warm-up that failed has said so to those that waited for it, and there is nothing to clean up.
    const cleaned = value.then(clean, () => {}).finally(() => this.#late.delete(cleaned));
    this.#late.add(cleaned);
  }
}
