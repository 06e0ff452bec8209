// Follows the audit log from row to row, and says which one is the first that does not hold.
import { type AuditRow, FIRST_HASH, rowHash } from './audit-row.ts';
import { saysPruned } from './pruned.ts';

export interface BadRow {
  id: number;
  /** What is wrong with it, as a sentence. */
  message: string;
}

type End = Pick<AuditRow, 'id' | 'hash'>;

export class RowCheck {
  #last: End | undefined;
  /** The row before the first one that is there, if the log does not begin with row 1, and whether a row says why. */
  #pruned: (End & { said: boolean }) | undefined;
  #bad: BadRow | undefined;
  rows = 0;

  /** The last row that held. */
  get last(): End | undefined {
    return this.#last;
  }

  /** The last row of the beginning that was deleted. */
  get pruned(): End | undefined {
    return this.#pruned;
  }

  /** Rows in order. False = this one does not hold, and no further one is looked at. */
  follow(row: AuditRow): boolean {
    if (this.#bad !== undefined) return false;
    if (this.#last === undefined) {
      if (row.id > 1) this.#pruned = { id: row.id - 1, hash: row.prev_hash, said: false };
      else this.#last = { id: 0, hash: FIRST_HASH };
    }
    const before = this.#last ?? this.#pruned!;
    const expected = before.id + 1;
    if (row.id !== expected) return this.#found(expected, `Row ${expected} is missing; the next one is ${row.id}.`);
    if (!rowHash(row).equals(row.hash)) return this.#found(row.id, `Row ${row.id} was changed: its hash is another.`);
    if (!before.hash.equals(row.prev_hash))
      return this.#found(row.id, `Row ${row.id} does not follow row ${before.id}: one of both was written anew.`);
    if (this.#pruned !== undefined && saysPruned(row, this.#pruned)) this.#pruned.said = true;
    this.#last = { id: row.id, hash: row.hash };
    this.rows += 1;
    return true;
  }

  /** After the last row. `head`: the newest row as its writer left it; undefined = that is gone. */
  end(head: End | undefined): BadRow | undefined {
    if (this.#bad !== undefined) return this.#bad;
    if (this.#pruned !== undefined && !this.#pruned.said) {
      const { id } = this.#pruned;
      const rows = id === 1 ? 'Row 1 is missing' : `Rows 1 to ${id} are missing`;
      return { id: 1, message: `${rows}, and no row says that they were deleted by retention.` };
    }
    const last = this.#last ?? { id: 0, hash: FIRST_HASH };
    const next = last.id + 1;
    if (head === undefined) return { id: next, message: 'The row that names the newest row is gone.' };
    if (head.id > last.id) return { id: next, message: `The newest rows are missing: ${next} to ${head.id}.` };
    if (head.id < last.id) return { id: head.id + 1, message: `Row ${head.id + 1} was added by another program.` };
    if (head.hash.equals(last.hash)) return undefined;
    return { id: last.id, message: `Row ${last.id} is not the one that was written as the newest.` };
  }

  #found(id: number, message: string): false {
    this.#bad = { id, message };
    return false;
  }
}
