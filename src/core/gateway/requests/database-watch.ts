// Whether the database answers, as the requests of a gateway find out. While it is known to be away, requests are refused at once
// and only this watch asks it. While all goes well it sends nothing.
import { DatabaseError } from '../../db/database-error.ts';
import type { Session } from '../../db/session.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { monotonic } from '../../runtime/clock.ts';
import { Loop } from '../../runtime/loop.ts';
import { Service, untilAborted } from '../../runtime/service.ts';

export interface DatabaseWatchOptions {
  /** Used by this watch alone; opened when there is a doubt. */
  openSession(): Session;
  /** The database is away, from now on. */
  onAway(error: DatabaseError): void;
  onBack(): void;
}

/** Between two checks of the requests, in milliseconds: when none of them ends meanwhile, there is a doubt. */
const CHECK_MS = 500;
/** The longest pause between two questions while the database is away. */
const PAUSE_MOST_MS = 2000;

/** Runs at once. Its one failure is a bug. */
export class DatabaseWatch extends Service {
  readonly #o: DatabaseWatchOptions;
  readonly #backoff = new Backoff({ initialMs: 200, maxMs: PAUSE_MOST_MS });
  readonly #loop: Loop;
  #on = false;
  #away: { since: number; why: string } | undefined;
  #doubted = false;
  #open = 0;
  #ended = 0;
  #endedBefore = 0;
  #session: Session | undefined;

  constructor(options: DatabaseWatchOptions) {
    super();
    this.#o = options;
    this.#loop = new Loop({
      intervalMs: () => (this.#away === undefined ? CHECK_MS : this.#backoff.next()),
      work: () => this.#check(),
      onError: () => undefined,
    });
  }

  /** Why nothing can be asked; undefined = the database answers, as far as is known. */
  get away(): DatabaseError | undefined {
    if (this.#away === undefined) return undefined;
    const seconds = Math.round((monotonic() - this.#away.since) / 1000);
    return unreachable(`${this.#away.why} (for ${seconds} s)`);
  }

  /** A request is about to use the database. @throws DatabaseError while it is away */
  begin(): void {
    const { away } = this;
    if (away !== undefined) throw away;
    this.#open += 1;
  }

  /** The request is done with it. */
  end(): void {
    this.#open -= 1;
    this.#ended += 1;
  }

  /** A connection was lost: asks the database now. */
  doubt(): void {
    if (!this.#on) return;
    this.#doubted = true;
    this.#loop.wake();
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    this.#on = true;
    running();
    void this.#loop.start();
    try {
      await untilAborted(signal, [this.#loop]);
    } finally {
      await this.#loop.stop();
      await this.#session?.close();
    }
  }

  async #check(): Promise<void> {
    const still = this.#open > 0 && this.#ended === this.#endedBefore;
    this.#endedBefore = this.#ended;
    if (this.#away === undefined && !this.#doubted && !still) return;
    this.#doubted = false;
    try {
      this.#session ??= this.#o.openSession();
      await this.#session.ready();
      await this.#session.ping();
    } catch (error) {
      this.#gone(error as Error);
      return;
    }
    if (this.#away === undefined) return;
    this.#away = undefined;
    this.#backoff.reset();
    this.#o.onBack();
  }

  #gone(error: Error): void {
    // No connection is to be had for this watch, but requests have theirs and are answered.
    const full = error instanceof DatabaseError && error.refused && this.#ended !== this.#endedBefore;
    if (full || this.#away !== undefined) return;
    this.#away = { since: monotonic(), why: error.message };
    this.#o.onAway(this.away!);
  }
}

function unreachable(message: string): DatabaseError {
  return new DatabaseError('E_DATABASE', message, { retry: 'connection', refused: true, undone: true });
}
