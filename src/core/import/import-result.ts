export interface ImportResult {
  added: number;
  /** Tasks that were there already, by their dedupe key. */
  existing: number;
  bad: number;
  /** Lines of the input that are dealt with, the header among them. */
  lines: number;
  /** To which they were added; null = to none, or it is not made yet. */
  batch_id: number | null;
  /** False = it was stopped before the end of the input. */
  complete: boolean;
  /** The first bad rows. */
  problems: Array<{ line: number; problem: string }>;
  /** What is odd about rows that are good: types that no device handles, dates the wrong way round, times in the past. */
  warnings: string[];
}
