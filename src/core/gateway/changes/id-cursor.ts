// Ids are given when a row is inserted and seen when its transaction commits, so a lower one may come after a higher one.
import { MOST_ROWS } from '../../db/changes/read-changes.ts';

/** A transaction that inserts takes no longer; a gap that is older is an id that was given to no row. */
const WAITED_MS = 30_000;
const MOST_MISSING = 1000;

export class IdCursor {
  #after = 0;
  /** Id → monotonic ms at which a higher one was seen. */
  readonly #missing = new Map<number, number>();

  get after(): number {
    return this.#after;
  }

  get missing(): number[] {
    return [...this.#missing.keys()];
  }

  /** Everything up to this id is passed over. */
  begin(id: number): void {
    this.#after = id;
    this.#missing.clear();
  }

  /**
   * Rows that were read with `after` and `missing`. `overflowed`: more were behind than one read brings, and those up to `top` are passed
   * over. @returns the new ones, by id
   */
  take<T extends { id?: number }>(rows: T[], top: number, now: number): { fresh: T[]; overflowed: boolean } {
    const sorted = [...rows].sort((a, b) => Number(a.id) - Number(b.id));
    const behind = sorted.filter((row) => Number(row.id) > this.#after);
    const overflowed = behind.length > MOST_ROWS;
    for (const { id } of sorted) this.#missing.delete(Number(id));
    for (const [id, since] of this.#missing) if (now - since > WAITED_MS) this.#missing.delete(id);
    const last = Number(behind.at(-1)?.id ?? this.#after);
    if (overflowed) this.begin(Math.max(last, top));
    else {
      const seen = new Set(behind.map((row) => Number(row.id)));
      for (let id = Math.max(this.#after + 1, last - MOST_MISSING); id < last; id += 1)
        if (!seen.has(id) && this.#missing.size < MOST_MISSING) this.#missing.set(id, now);
      this.#after = last;
    }
    return { fresh: sorted, overflowed };
  }
}
