// A plain client does not say when it begins: what it was given has begun when it was given. Written once a second, for all.
import { flushStarts } from '../../db/attempts/flush-starts.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { monotonic } from '../../runtime/clock.ts';

/** Shorter attempts are never written as running. */
const AFTER_MS = 1000;
/** Starts of one batch. */
const MOST = 500;
/** More are dropped while the database is away: their rows get the start with the end. */
const MOST_WAITING = 50_000;

interface Begun {
  assignment_id: number;
  claim_token: Buffer;
  at: number;
  lease_s: number;
}

export class PlainStarts {
  readonly #session: () => Promise<Session>;
  readonly #names: TableNames;
  /** By the id of the attempt's row. */
  readonly #begun = new Map<number, Begun>();

  constructor(session: () => Promise<Session>, names: TableNames) {
    this.#session = session;
    this.#names = names;
  }

  began(tasks: ClaimedTask[], claim_token: Buffer): void {
    const at = monotonic();
    for (const { assignment_id, lease_s } of tasks) {
      if (assignment_id !== null && this.#begun.size < MOST_WAITING)
        this.#begun.set(assignment_id, { assignment_id, claim_token, at, lease_s });
    }
  }

  ended(assignmentId: number): void {
    this.#begun.delete(assignmentId);
  }

  /** @throws DatabaseError; what is left is written in the next round */
  async round(): Promise<void> {
    const now = monotonic();
    const due = [...this.#begun.values()].filter((one) => now - one.at >= AFTER_MS);
    for (let n = 0; n < due.length; n += MOST) {
      const some = due.slice(n, n + MOST);
      const starts = some.map(({ at, ...one }) => ({ ...one, age_ms: monotonic() - at }));
      await flushStarts(await this.#session(), this.#names, starts);
      for (const one of some) this.#begun.delete(one.assignment_id);
    }
  }
}
