// What an operator reads of failing duties: one line when a duty begins to fail, one when it works again. The process
// reports an outage of the database, once; the duties say nothing of it.
import { isConnectionLost } from '../../db/database-error.ts';
import { NotLeader } from '../../db/leader/assert-leader.ts';
import type { Events } from '../../runtime/events.ts';
import { PartsFailed } from './failures.ts';

/** A duty works again when it has done so for this long: of two pages of a list one may fail and the other not. */
const QUIET_MS = 10_000;
/** If no other part has reported that the database is away, the duties do so after this long. */
const UNTOLD_MS = 10_000;
const EVERY = 'every duty';

interface Fault {
  since: number;
  message: string;
  causes: Set<string>;
  worksSince?: number;
}

/** A call that got no answer: of an outage, or of this duty alone? */
interface Unanswered {
  since: number;
  /** Rounds of all duties that had worked by then. */
  rounds: number;
}

export class Complaints {
  readonly #events: Events;
  readonly #now: () => number;
  readonly #faults = new Map<string, Fault>();
  readonly #unanswered = new Map<string, Unanswered>();
  readonly #forget: Array<() => void>;
  #rounds = 0;
  #outageTold = false;
  #told: string | undefined;
  #changed = false;

  constructor(events: Events, now: () => number) {
    this.#events = events;
    this.#now = now;
    // The liveness thread's, of the whole process.
    this.#forget = [
      events.on('database:lost', ({ message }) => {
        this.#told = message;
      }),
      events.on('database:back', () => {
        this.#told = undefined;
      }),
    ];
  }

  close(): void {
    for (const forget of this.#forget) forget();
  }

  /** What fails now, if that has changed since it was asked for. */
  takeChanged(): Array<{ duty: string; message: string; for_ms: number }> | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    const now = this.#now();
    return [...this.#faults].map(([duty, { message, since }]) => ({ duty, message, for_ms: now - since }));
  }

  /** The change could not be stored: it is one still. */
  untaken(): void {
    this.#changed = true;
  }

  failed(duty: string, error: Error): void {
    if (!unanswered(error)) {
      this.#fault(duty, error);
      return;
    }
    const before = this.#unanswered.get(duty);
    if (before === undefined) {
      this.#unanswered.set(duty, { since: this.#now(), rounds: this.#rounds });
      return;
    }
    // Others were answered meanwhile: it is this duty, and not the database.
    if (this.#rounds > before.rounds) {
      this.#fault(duty, error);
      return;
    }
    const since = Math.min(...[...this.#unanswered.values()].map((one) => one.since));
    if (this.#outageTold || this.#told !== undefined || this.#now() - since < UNTOLD_MS) return;
    this.#outageTold = true;
    this.#events.emit('leader:duty-failed', { duty: EVERY, message: error.message });
  }

  /** `everyMs`: how often the duty is done. */
  worked(duty: string, everyMs: number): void {
    this.#rounds += 1;
    const now = this.#now();
    const away = this.#unanswered.get(duty);
    this.#unanswered.delete(duty);
    if (this.#outageTold && away !== undefined) {
      this.#outageTold = false;
      this.#events.emit('leader:duty-works', { duty: EVERY, after_ms: now - away.since });
    }
    const fault = this.#faults.get(duty);
    if (fault === undefined) return;
    fault.worksSince ??= now;
    if (now - fault.worksSince < QUIET_MS && everyMs < QUIET_MS) return;
    this.#faults.delete(duty);
    this.#changed = true;
    this.#events.emit('leader:duty-works', { duty, after_ms: now - fault.since });
  }

  #fault(duty: string, error: Error): void {
    const { message } = error;
    const known = this.#faults.get(duty);
    const fault = known ?? { since: this.#now(), message, causes: new Set<string>() };
    delete fault.worksSince;
    this.#faults.set(duty, fault);
    this.#changed ||= known === undefined || known.message !== message;
    fault.message = message;
    // Which rows fail may change from round to round; why they do seldom does.
    const causes = error instanceof PartsFailed ? error.causes : [message];
    const fresh = causes.filter((cause) => !fault.causes.has(cause));
    for (const cause of causes) fault.causes.add(cause);
    if (known === undefined || (fresh.length > 0 && fault.causes.size <= MOST_CAUSES)) {
      this.#events.emit('leader:duty-failed', { duty, message });
    }
  }
}

/** Beyond this the messages differ with each row, and are no longer news. */
const MOST_CAUSES = 5;

function unanswered(error: Error): boolean {
  if (error instanceof NotLeader) return false;
  if (error instanceof PartsFailed) return error.failures.every((one) => isConnectionLost(one.error));
  return isConnectionLost(error);
}
