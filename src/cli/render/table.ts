import Table from 'cli-table3';
import { displayWidth, printable } from './text.ts';

export interface Column<T> {
  header: string;
  value(row: T): unknown;
  /** Colour of the finished cell; never carries meaning alone. */
  paint?(text: string, row: T): string;
  align?: 'left' | 'right';
  /** Shortened with … when the table is too wide; ids are not. */
  flexible?: boolean;
}

const GAP = 2;
const LEAST = 6;
const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

/** Columns that fit: a terminal's width, or everything when the output is piped (`grep` wants whole values). */
export function tableWidth(stream: { isTTY?: boolean; columns?: number }): number {
  return stream.isTTY === true ? (stream.columns ?? 80) : Number.POSITIVE_INFINITY;
}

/**
 * A table without borders that fits `width`: flexible columns are shortened first, then left out from the right (they
 * are in --json). No rows: the header alone.
 */
export function renderTable<T>(columns: Column<T>[], rows: T[], width: number): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const natural = columns.map((column, i) =>
    Math.max(displayWidth(column.header), ...cells.map((row) => displayWidth(row[i]!))),
  );
  const widths = fittingWidths(columns, natural, width);
  const last = columns.findLastIndex((column) => column.flexible === true);
  if (total(widths) > width && last >= 0) return renderTable(columns.toSpliced(last, 1), rows, width);
  const table = new Table({
    head: columns.map((column) => column.header),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP, compact: true },
    colWidths: widths.map((one) => one + GAP),
    colAligns: columns.map((column) => column.align ?? 'left'),
  });
  for (const [r, row] of rows.entries()) {
    table.push(
      columns.map((column, i) => {
        const text = shorten(cells[r]![i]!, widths[i]!);
        return column.paint === undefined ? text : column.paint(text, row);
      }),
    );
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function total(widths: number[]): number {
  return widths.reduce((sum, one) => sum + one, 0) + GAP * (widths.length - 1);
}

/** Takes what is too much from the widest flexible column, again and again. */
function fittingWidths<T>(columns: Column<T>[], natural: number[], width: number): number[] {
  const widths = [...natural];
  while (total(widths) > width) {
    const candidates = widths
      .map((one, i) => ({ one, i }))
      .filter(({ one, i }) => columns[i]!.flexible === true && one > Math.max(LEAST, displayWidth(columns[i]!.header)));
    if (candidates.length === 0) break;
    const widest = candidates.reduce((best, one) => (one.one > best.one ? one : best));
    widths[widest.i] = widest.one - 1;
  }
  return widths;
}

function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
