/** What a text column can hold: both bounds hold at once (a VARCHAR is bounded by characters, a TEXT by bytes). */
export interface TextWidth {
  characters: number;
  bytes: number;
  /** Which characters: all, those of three bytes at most, or (any other character set) ASCII alone. */
  holds: 'all' | 'bmp' | 'ascii';
}

/** A column that takes whatever a text of afd's can be. */
export const ANY_WIDTH: TextWidth = { characters: 65_535, bytes: 65_535, holds: 'all' };

/** Below this the ellipsis of a cut would take more room than the text. */
const ROOM_FOR_ELLIPSIS = 8;

/**
 * The beginning of a text as a column of this width can hold it; `…` (`...` in ASCII) shows the cut. What the column's
 * character set lacks becomes `?` or U+FFFD. Null when the column holds no character at all.
 */
export function fitText(text: string, { characters, bytes, holds }: TextWidth): string | null {
  if (characters < 1 || bytes < 1) return null;
  const known = spelled(text, holds);
  const whole = beginning(known, characters, bytes);
  if (whole.length === known.length) return known;
  if (Math.min(characters, bytes) < ROOM_FOR_ELLIPSIS) return whole;
  const ellipsis = holds === 'ascii' ? '...' : '…';
  return beginning(known, characters - ellipsis.length, bytes - 3) + ellipsis;
}

function beginning(text: string, characters: number, bytes: number): string {
  let end = 0;
  let left = bytes;
  let room = characters;
  for (const character of text) {
    left -= utf8Length(character.codePointAt(0)!);
    room -= 1;
    if (left < 0 || room < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function utf8Length(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}

function spelled(text: string, holds: TextWidth['holds']): string {
  if (holds === 'all') return text;
  if (holds === 'bmp') return text.replace(/[\u{10000}-\u{10ffff}]/gu, '\ufffd');
  return text.replace(/…/g, '...').replace(/\P{ASCII}/gu, '?');
}
