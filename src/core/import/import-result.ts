export interface ImportResult {
  added: number;
  /** Tasks that were there already, by their dedupe key. */
  existing: number;
  bad: number;
  /** Lines of the input that are settled, the header among them. */
  lines: number;
  /** False = it was stopped before the end of the input. */
  complete: boolean;
  /** The first bad rows. */
  problems: Array<{ line: number; problem: string }>;
}
