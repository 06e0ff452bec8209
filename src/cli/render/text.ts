// Small pieces of text that all renderers share.
import { blankSpecial } from '../../core/log/terminal-text.ts';

/** A value out of the database must not move the cursor or forge a line. Line breaks become spaces too. */
export function printable(value: unknown): string {
  return blankSpecial(String(value ?? ''));
}

/** `3 s`, `5 min`, `2 h`, `4 d`: the largest unit that says enough. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `3 s ago`; `never` for null. */
export function ago(seconds: number | null): string {
  return seconds === null ? 'never' : `${duration(seconds)} ago`;
}

/** Columns that a terminal needs: wide East Asian characters take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : 1;
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;
