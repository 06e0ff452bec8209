import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import { monotonic } from '../../runtime/clock.ts';

/** For how long a gateway that hung may still carry out a claim. */
const DOUBT_MS = 60_000;
/** Between two questions. */
const AGAIN_MS = 2000;

export type Recovered = ClaimedTask & { claim_token: Buffer };

/**
 * Claims whose answers were lost. Another gateway said what they have brought, but the one that hung may carry them out later:
 * they are asked for again for a while, since the leader finds out about a deferred claim later, and nobody else does.
 */
export class LateClaims {
  readonly #ask: (tokens: Buffer[]) => Promise<Recovered[]>;
  #doubtful: Array<{ token: Buffer; until: number }> = [];
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(ask: (tokens: Buffer[]) => Promise<Recovered[]>) {
    this.#ask = ask;
  }

  /** Their outcome was found out now. */
  note(tokens: Buffer[]): void {
    const now = monotonic();
    this.#askedAt = now;
    this.#doubtful.push(...tokens.map((token) => ({ token, until: now + DOUBT_MS })));
  }

  /**
   * What they hold, and the monotonic time before it was read; nothing when none is doubtful, or the last question was a moment
   * ago. @throws DatabaseError
   */
  async check(): Promise<{ at: number; found: Recovered[] }> {
    const at = monotonic();
    if (this.#doubtful.length === 0 || at - this.#askedAt < AGAIN_MS) return { at, found: [] };
    this.#askedAt = at;
    const found = await this.#ask(this.#doubtful.map((one) => one.token));
    // Asked once more after the last moment, however long no gateway has answered.
    this.#doubtful = this.#doubtful.filter((one) => one.until > at);
    return { at, found };
  }
}
