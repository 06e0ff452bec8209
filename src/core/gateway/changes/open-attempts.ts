// Attempts that are watched until they end.
import { MOST_OPEN, MOST_ROWS } from '../../db/changes/read-changes.ts';

export type OpenStatus = 'assigned' | 'running';

export function isOpen(status: unknown): status is OpenStatus {
  return status === 'assigned' || status === 'running';
}

export class OpenAttempts {
  #open = new Map<number, OpenStatus>();
  /** Not among the open ones when all were read last. */
  #ending = new Set<number>();

  /** What to ask next: those that were asked longest ago. A fleet with more open attempts hears of their ends some seconds later. */
  next(): { assigned: number[]; running: number[] } {
    const asked: Record<OpenStatus, number[]> = { assigned: [], running: [] };
    for (const [id, status] of [...this.#open].slice(0, MOST_ROWS)) {
      asked[status].push(id);
      this.#open.delete(id);
      this.#open.set(id, status);
    }
    return asked;
  }

  watch(id: number, status: OpenStatus): void {
    if (this.#open.size < MOST_OPEN || this.#open.has(id)) this.#open.set(id, status);
  }

  /** @returns whether it was watched, and as what */
  end(id: number): OpenStatus | undefined {
    const was = this.#open.get(id);
    this.#open.delete(id);
    return was;
  }

  status(id: number): OpenStatus | undefined {
    return this.#open.get(id);
  }

  /** All that are open, from the database. Those that were not known begin as `assigned`, so that their start is still told. */
  replace(rows: Array<{ id?: number; status?: string }>, known: boolean): void {
    const before = this.#open;
    this.#open = new Map();
    for (const { id, status } of rows) {
      if (!isOpen(status)) continue;
      this.#open.set(Number(id), known ? (before.get(Number(id)) ?? 'assigned') : status);
    }
    // What has ended since the last read is still to be told; what is not found by then has been deleted.
    const ending = [...before].filter(([id]) => known && !this.#open.has(id) && !this.#ending.has(id));
    this.#ending = new Set(ending.map(([id]) => id));
    for (const [id, status] of ending) this.watch(id, status);
  }
}
