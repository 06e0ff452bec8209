// One row that cannot be written must not keep the others from being done: each part of a round is tried, what failed is
// collected, and the round reports it at its end.
import { AfdError } from '../../domain/errors.ts';
import type { DutySession } from './duty-session.ts';

export interface Failure {
  /** What could not be done, with its id: `task 7, attempt 12`. */
  what: string;
  error: Error;
}

const NAMED = 3;
/** A round with this many failures in a row stops; its next one goes on behind. Bounds what a full disk costs. */
const MOST_IN_A_ROW = 25;

/** Some parts of a round failed; the others were done. */
export class PartsFailed extends AfdError {
  readonly failures: readonly Failure[];
  /** What the round did all the same. */
  readonly counts: Record<string, number>;

  constructor(failures: readonly Failure[], counts: Record<string, number>) {
    const named = failures.slice(0, NAMED).map(({ what, error }) => `${what}: ${error.message}`);
    const more = failures.length > NAMED ? `; ${failures.length - NAMED} more failures` : '';
    super('E_FAILED', `${named.join('; ')}${more}`, { cause: failures[0]?.error, suggestions: ['afd status'] });
    this.name = 'PartsFailed';
    this.failures = failures;
    this.counts = counts;
  }

  /** The distinct causes, without what they befell: the same for each round that fails for the same reasons. */
  get causes(): string[] {
    return [...new Set(this.failures.map(({ error }) => error.message))];
  }
}

/** The failures of one round of a duty. */
export class Failures {
  readonly #duty: DutySession;
  readonly #found: Failure[] = [];
  #inARow = 0;

  constructor(duty: DutySession) {
    this.#duty = duty;
  }

  /**
   * Does one part. Undefined = it failed, and was noted. @throws NotLeader, and whatever ended the connection: without a term
   * or a database nothing else can be done either.
   */
  async part<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#inARow = 0;
      return result;
    } catch (error) {
      this.note(what, error);
      return undefined;
    }
  }

  /** @throws NotLeader, and whatever ended the connection */
  note(what: string, error: unknown): void {
    if (!this.#duty.refused(error)) throw error;
    this.#inARow += 1;
    this.#found.push({ what, error: error instanceof Error ? error : new Error(String(error)) });
  }

  /** This many have failed in a row: the rest of this list waits for the next round. */
  get enough(): boolean {
    return this.#inARow >= MOST_IN_A_ROW;
  }

  /** A new list begins. */
  another(): void {
    this.#inARow = 0;
  }

  /** Returns the counts if nothing failed. @throws PartsFailed */
  end<T extends object>(counts: T): T {
    if (this.#found.length > 0) throw new PartsFailed(this.#found, { ...counts } as Record<string, number>);
    return counts;
  }
}
