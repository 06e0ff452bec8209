// For calls without a deadline: while one is under way, a second connection asks the server whether it still answers.
import { setTimeout as pause } from 'node:timers/promises';
import type { DatabaseAddress } from './address.ts';
import { DatabaseError } from './database-error.ts';
import { Session } from './session.ts';

/** Milliseconds between two questions to the server, and how many unanswered ones count as silence. */
export interface ServerWaits {
  everyMs: number;
  misses: number;
}

export const WAITS: ServerWaits = { everyMs: 10_000, misses: 3 };
const CONNECT_MS = 3000;
const ANSWER_MS = 5000;

export class ServerPulse {
  readonly #address: DatabaseAddress;
  readonly #waits: ServerWaits;

  constructor(address: DatabaseAddress, waits: ServerWaits = WAITS) {
    this.#address = address;
    this.#waits = waits;
  }

  /** How long the server is silent before that counts, without the time that each question takes. Milliseconds. */
  get silenceMs(): number {
    return this.#waits.everyMs * this.#waits.misses;
  }

  /**
   * Settles as `call` does. `silent` must end it: called once, when the server has not answered any connection for too
   * long.
   */
  async during<T>(call: Promise<T>, silent: () => void): Promise<T> {
    const over = new AbortController();
    void this.#watch(over.signal, silent);
    try {
      return await call;
    } finally {
      over.abort();
    }
  }

  /** Never rejects. */
  async #watch(over: AbortSignal, silent: () => void): Promise<void> {
    const { everyMs, misses } = this.#waits;
    for (let missed = 0; missed < misses; ) {
      // It only rejects when it is aborted.
      await pause(everyMs, undefined, { ref: false, signal: over }).catch(() => {});
      if (over.aborted) return;
      missed = (await this.#answers()) ? 0 : missed + 1;
    }
    if (!over.aborted) silent();
  }

  /** An error of the server is an answer too. */
  async #answers(): Promise<boolean> {
    const session = new Session({
      address: this.#address,
      timeZone: '+00:00',
      idleTimeoutS: 60,
      deadlineMs: ANSWER_MS,
      multiStatements: false,
      connectTimeoutMs: CONNECT_MS,
    });
    try {
      await session.ready();
      return true;
    } catch (error) {
      return !(error instanceof DatabaseError && error.retry === 'connection' && error.errno === undefined);
    } finally {
      await session.close();
    }
  }
}
