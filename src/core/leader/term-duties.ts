// Starts the duties of a term when this node gains it, and stops them when it is lost. The election itself runs in the
// liveness thread.

import { addressOf, type Context } from '../context/context.ts';
import { Session } from '../db/session.ts';
import type { FoundDead } from '../election/lock-watch.ts';
import type { LivenessReport } from '../node/liveness-messages.ts';
import type { RingSender } from '../ring/ring-sender.ts';
import { monotonic } from '../runtime/clock.ts';
import { Service } from '../runtime/service.ts';
import { Keyring } from '../secrets/keyring.ts';
import { Duties } from './duties.ts';

/** While it runs, the duties follow the terms. `finished` rejects when a duty's loop fails, which only a bug can cause. */
export class TermDuties extends Service {
  readonly #context: Context;
  readonly #deviceId: string;
  readonly #ringSender: (() => RingSender | undefined) | undefined;
  #duties: Duties | undefined;
  #term: number | undefined;
  /** The liveness session is lost, and its lock perhaps another connection's. */
  #away = false;
  #reconnectedAt: number | undefined;
  #stalled = false;
  /** The duties of former terms, as long as they end. */
  #ending: Promise<unknown> = Promise.resolve();
  /** Undefined while it does not run. */
  #fail: ((error: unknown) => void) | undefined;

  /** `sender`: this process's own ring sender, if it has one by then. */
  constructor(context: Context, deviceId: string, sender?: () => RingSender | undefined) {
    super();
    this.#context = context;
    this.#deviceId = deviceId;
    this.#ringSender = sender;
    // A process that has just started does not know since when this member has been the writer: locks of before prove nothing.
    if (context.writer !== undefined) this.#reconnectedAt = monotonic();
  }

  get term(): number | undefined {
    return this.#term;
  }

  /** Of the liveness session: had it to be opened again, free locks say nothing for a while. */
  heard(report: LivenessReport): void {
    if (report.kind === 'database-lost') this.#away = true;
    if (report.kind === 'database-back' || report.kind === 'slow') this.#reconnectedAt = monotonic();
    if (report.kind !== 'database-back') return;
    this.#away = false;
    this.#context.writer?.recheck();
  }

  /** Nothing unless it runs. `found`: whom the lease was taken from because it is dead. */
  gained(term: number, found?: FoundDead): void {
    const { config, names, events, resolved } = this.#context;
    void this.#leave();
    if (this.#fail === undefined) return;
    this.#term = term;
    this.#stalled = false;
    events.emit('leader:gained', { device_id: this.#deviceId, term });
    const session = new Session({
      address: addressOf(this.#context),
      writer: this.#context.writer,
      timeZone: config.database.time_zone,
      idleTimeoutS: config.database.session_timeout,
      deadlineMs: config.database.call_timeout * 1000,
      role: 'leader',
      multiStatements: true,
    });
    this.#duties = new Duties({
      session,
      names,
      config,
      keyring: Keyring.of(resolved),
      events,
      deviceId: this.#deviceId,
      term,
      lastReconnectAt: () => (this.#away ? monotonic() : this.#reconnectedAt),
      found,
      ringSender: this.#ringSender,
    });
    void this.#duties.start();
    this.#duties.finished.catch(this.#fail);
  }

  /** Resolves when no duty of that term runs any more. */
  async lost(term: number, reason: string): Promise<void> {
    if (this.#term !== term) return;
    this.#context.events.emit('leader:lost', { device_id: this.#deviceId, term, reason });
    await this.#leave();
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

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        signal.addEventListener('abort', () => resolve(), { once: true });
        running();
      });
    } finally {
      this.#fail = undefined;
      await this.#leave();
    }
  }

  /** Resolves when no duty runs any more. */
  async #leave(): Promise<void> {
    const stopping = this.#duties?.stop();
    this.#duties = undefined;
    this.#term = undefined;
    this.#ending = Promise.all([this.#ending, stopping]);
    await this.#ending;
  }
}
