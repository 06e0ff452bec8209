// Which batches have ended since the last round. Their ids say nothing of the order of their ends, so what ended within a while is read each
// time, and what was told of it is remembered.
import { MOST_ROWS } from '../../db/changes/read-changes.ts';
import { utcToIso } from '../../db/rows.ts';
import type { Row } from '../../db/session.ts';
import type { BatchEnded } from './change.ts';

export class EndedBatches {
  #told = new Set<number>();
  /** Time of the last round, as the server spells it; undefined = there was none. */
  #since: string | undefined;

  get since(): string | undefined {
    return this.#since;
  }

  /** `rows`: the newest first. `overflowed`: there were more, and nobody knows which. The first round tells nothing. */
  take(rows: Row[], now: string): { fresh: BatchEnded[]; overflowed: boolean } {
    const first = this.#since === undefined;
    this.#since = now;
    const untold = rows.filter((row) => !this.#told.has(Number(row.id)));
    this.#told = new Set(rows.map((row) => Number(row.id)));
    if (first) return { fresh: [], overflowed: false };
    const fresh = untold.slice(0, MOST_ROWS).reverse().map(endedOf);
    return { fresh, overflowed: untold.length > MOST_ROWS };
  }
}

function endedOf(row: Row): BatchEnded {
  const { name } = row;
  const times = { sealed_at: utcToIso(row.sealed_at), ended_at: utcToIso(row.ended_at) };
  return { type: 'batch.ended', batch_id: String(row.id), name, created_at: utcToIso(row.created_at), ...times };
}
