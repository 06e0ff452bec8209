// What one search finds, and how much it reads.

/** A count is exact up to here. */
export const MOST_COUNTED = 10_000;
/** Index entries that one answer reads at most; a stretch, first and at most. */
export const MOST_ENTRIES = 200_000;
export const STRETCH = { first: 2000, most: 25_000, growth: 4 };
/** Milliseconds after which no further stretch is begun. */
export const SEARCH_MS = 50;

export interface Total {
  count: number;
  /** False: at least that many. */
  exact: boolean;
}

export interface FoundIds {
  ids: number[];
  /** Where to go on: ids below this one. Null = all that fit were found. */
  next: number | null;
  /** The bound ended the search before the page was full. */
  cut: boolean;
  /** Null where it was not asked for. */
  total: Total | null;
}
