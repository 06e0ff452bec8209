// Starts the duties of a term when this node gains it, and stops them when it is lost. The election itself runs in the
// liveness thread.
import { monotonic } from '../clock.ts';
import type { Context } from '../context.ts';
import { Session } from '../db/session.ts';
import type { Ringer } from '../ring/ringer.ts';
import { Duties } from './duties.ts';
import type { FoundDead } from './lock-watch.ts';

export class Leadership {
  readonly #context: Context;
  readonly #deviceId: string;
  readonly #ringer: (() => Ringer | undefined) | undefined;
  #duties: Duties | undefined;
  #term: number | undefined;
  #reconnectedAt: number | undefined;

  /** `ringer`: this process's own, if it has one by then. */
  constructor(context: Context, deviceId: string, ringer?: () => Ringer | undefined) {
    this.#context = context;
    this.#deviceId = deviceId;
    this.#ringer = ringer;
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
      ringer: this.#ringer,
    });
    this.#duties.start();
  }

  async lost(term: number, reason: string): Promise<void> {
    if (this.#term !== term) return;
    this.#context.events.emit('leader:lost', { device_id: this.#deviceId, term, reason });
    await this.stop();
  }

  /** Resolves when no duty runs any more. */
  async stop(): Promise<void> {
    const duties = this.#duties;
    this.#duties = undefined;
    this.#term = undefined;
    await duties?.stop();
  }
}
