import { ANY_WIDTH, type TextWidth } from '../../domain/text/fit-text.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** What the text columns that ends are written into can hold. */
export interface TextWidths {
  /** Column of the task table, which may be an adopted one with any width. */
  last_error: TextWidth;
  /** Column of af_task_assignment. */
  error_message: TextWidth;
}

/** Columns that take whatever a text of afd's can be. */
export const ANY_WIDTHS: TextWidths = { last_error: ANY_WIDTH, error_message: ANY_WIDTH };

/**
 * Reads the widths from information_schema, whatever the case in which the server keeps names. Non-locking; changes only by
 * DDL, so once per session or term is enough. A column that is not found (an account may see only columns that it has a
 * right to) counts as wide: the caller's fallback for a refused text holds there.
 */
export async function readTextWidths(session: Session, names: TableNames): Promise<TextWidths> {
  const rows = await session.rows<{
    kind: 'last_error' | 'error_message';
    characters: number | null;
    bytes: number | null;
    charset: string | null;
  }>(
    `SELECT LOWER(COLUMN_NAME) AS kind, CHARACTER_MAXIMUM_LENGTH AS characters, CHARACTER_OCTET_LENGTH AS bytes,
       CHARACTER_SET_NAME AS charset
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()
       AND ((TABLE_NAME = ? AND COLUMN_NAME = 'last_error') OR (TABLE_NAME = ? AND COLUMN_NAME = 'error_message'))`,
    [names.plain.task, names.plain.assignment],
  );
  const widths: TextWidths = { ...ANY_WIDTHS };
  for (const { kind, characters, bytes, charset } of rows) {
    if (characters === null || bytes === null) continue;
    widths[kind] = { characters: Number(characters), bytes: Number(bytes), holds: holdsOf(charset) };
  }
  return widths;
}

function holdsOf(charset: string | null): TextWidth['holds'] {
  if (charset === 'utf8mb4') return 'all';
  return charset === 'utf8mb3' || charset === 'utf8' ? 'bmp' : 'ascii';
}
