// Reads every task that ends, once, in about the order of their ends. It remembers which attempts are open, and what is behind them.
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { EndCursors } from '../../db/webhooks/end-cursors.ts';
import { type AttemptState, ENDS_READ, readEnded, readEndIds } from '../../db/webhooks/read-ends.ts';
import { IdCursor } from '../../gateway/changes/id-cursor.ts';
import { isOpen } from '../../gateway/changes/open-attempts.ts';
import { type EndEvent, endOfAttempt, endWithoutAttempt } from './end-event.ts';

/** With this many open attempts nothing more is read until some have ended. */
const MOST_OPEN = 50_000;

export interface EndsRead {
  ended: EndEvent[];
  /** There may be more at once. */
  more: boolean;
}

export class EndReader {
  readonly #names: TableNames;
  readonly #attempts = new IdCursor();
  readonly #ends = new IdCursor();
  /** In the order in which they are asked for next. */
  readonly #open = new Set<number>();

  constructor(names: TableNames, from: EndCursors) {
    this.#names = names;
    this.#attempts.begin(from.attempts);
    this.#ends.begin(from.ends);
  }

  /** Everything up to there was read, and has ended. */
  get cursors(): EndCursors {
    const least = (cursor: IdCursor, open: Iterable<number>) => {
      let least = cursor.after + 1;
      for (const id of cursor.missing) least = Math.min(least, id);
      for (const id of open) least = Math.min(least, id);
      return least - 1;
    };
    return { attempts: least(this.#attempts, this.#open), ends: least(this.#ends, []) };
  }

  /** `now`: monotonic milliseconds. What it returns is not returned again. @throws DatabaseError */
  async round(session: Session, now: number): Promise<EndsRead> {
    const asked = [...this.#open].slice(0, ENDS_READ);
    const full = this.#open.size >= MOST_OPEN;
    const nothing = { after: Number.MAX_SAFE_INTEGER, missing: [] };
    const read = await readEndIds(session, this.#names, {
      attempts: full ? nothing : this.#attempts,
      ends: this.#ends,
      open: asked,
    });
    const fresh = full ? [] : this.#attempts.take(read.attempts, 0, now).fresh;
    const ended = [...this.#watch(asked, read.open), ...this.#watch([], fresh as AttemptState[])];
    const without = this.#ends.take(read.ends, 0, now).fresh;
    const rows = await readEnded(session, this.#names, ended);
    return {
      ended: [...rows.flatMap((row) => endOfAttempt(row) ?? []), ...without.map(endWithoutAttempt)],
      more: read.attempts.length >= ENDS_READ || read.ends.length >= ENDS_READ,
    };
  }

  /** Those that were asked for and are open still come last now; one without a row is gone. @returns what has ended */
  #watch(asked: number[], states: AttemptState[]): number[] {
    for (const id of asked) this.#open.delete(id);
    const ended: number[] = [];
    for (const { id, status, attempt } of states) {
      if (attempt === null) continue;
      if (isOpen(status)) this.#open.add(Number(id));
      else ended.push(Number(id));
    }
    return ended;
  }
}
