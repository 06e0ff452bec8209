// What the database said of something a few seconds ago: many requests bring the same key or certificate, and one that was revoked must
// be refused soon.
import { monotonic } from '../runtime/clock.ts';

/** Milliseconds for which an answer holds. */
const HELD_MS = 5000;
/** Answers that are held. */
const MOST_HELD = 10_000;

export class RecentAnswers<T> {
  readonly #ask: (id: string, known: T | undefined) => Promise<T>;
  readonly #now: () => number;
  readonly #held = new Map<string, { at: number; answer: T }>();
  readonly #asked = new Map<string, Promise<T>>();

  /** `ask` is given the answer that is too old, if there is one. `now`: milliseconds, monotonic. */
  constructor(ask: (id: string, known: T | undefined) => Promise<T>, now: () => number = monotonic) {
    this.#ask = ask;
    this.#now = now;
  }

  /** @throws what `ask` throws */
  async of(id: string): Promise<T> {
    const held = this.#held.get(id);
    if (held !== undefined && this.#now() - held.at < HELD_MS) return held.answer;
    let asked = this.#asked.get(id);
    if (asked === undefined) {
      asked = this.#fresh(id, held?.answer).finally(() => this.#asked.delete(id));
      this.#asked.set(id, asked);
    }
    return asked;
  }

  async #fresh(id: string, known: T | undefined): Promise<T> {
    const at = this.#now();
    const answer = await this.#ask(id, known);
    this.#held.delete(id);
    this.#held.set(id, { at, answer });
    const [oldest] = this.#held.keys();
    if (this.#held.size > MOST_HELD) this.#held.delete(oldest!);
    return answer;
  }
}
