// Starts the duties of a term when this node gains it, and stops them when it is lost. The election itself runs in the
// liveness thread.

import type { Context } from '../context/context.ts';
import { Session } from '../db/session.ts';
import type { FoundDead } from '../election/lock-watch.ts';
import type { RingSender } from '../ring/ring-sender.ts';
import { monotonic } from '../runtime/clock.ts';
import { Duties } from './duties.ts';

export class TermDuties {
  readonly #context: Context;
  readonly #deviceId: string;
  readonly #ringSender: (() => RingSender | undefined) | undefined;
  #duties: Duties | undefined;
  #term: number | undefined;
  #reconnectedAt: number | undefined;
  #stalled = false;

  /** `sender`: this process's own ring sender, if it has one by then. */
  constructor(context: Context, deviceId: string, sender?: () => RingSender | undefined) {
    this.#context = context;
    this.#deviceId = deviceId;
    this.#ringSender = sender;
  }

  get term(): number | undefined {
    return this.#term;
  }

  /** The liveness session had to be opened again: for a while, free locks say nothing. */
  reconnected(): void {
    this.#reconnectedAt = monotonic();
  }

  /** `found`: whom the lease was taken from because it is dead. */
  gained(term: number, found?: FoundDead): void {
    const { address, config, names, events } = this.#context;
    void this.stop();
    this.#term = term;
    this.#stalled = false;
    events.emit('leader:gained', { device_id: this.#deviceId, term });
    const session = new Session({
      address,
      timeZone: config.database.time_zone,
      idleTimeoutS: config.database.session_timeout,
      deadlineMs: config.database.call_timeout * 1000,
      multiStatements: true,
    });
    this.#duties = new Duties({
      session,
      names,
      config,
      events,
      deviceId: this.#deviceId,
      term,
      lastReconnectAt: this.#reconnectedAt,
      found,
      ringSender: this.#ringSender,
    });
    this.#duties.start();
  }

  async lost(term: number, reason: string): Promise<void> {
    if (this.#term !== term) return;
    this.#context.events.emit('leader:lost', { device_id: this.#deviceId, term, reason });
    await this.stop();
  }

  /** A duty hangs, so the lease should be another's: true once in a term, and said in a warning. */
  stalled(): boolean {
    const hanging = this.#stalled ? undefined : this.#duties?.hanging;
    if (hanging === undefined) return false;
    this.#stalled = true;
    const { duty, forMs } = hanging;
    const message = `The leader's ${duty} has not finished for ${Math.round(forMs / 1000)} s: this node steps down, so that another node can do the duties.`;
    this.#context.events.emit('warning', { message });
    return true;
  }

  /** Resolves when no duty runs any more. */
  async stop(): Promise<void> {
    const duties = this.#duties;
    this.#duties = undefined;
    this.#term = undefined;
    await duties?.stop();
  }
}
