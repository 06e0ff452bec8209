import Table from 'cli-table3';
import { displayWidth, printable } from './text.ts';

export interface Column<T> {
  header: string;
  value(row: T): unknown;
  /** Colour of the finished cell; never carries meaning alone. */
  paint?(text: string, row: T): string;
  align?: 'left' | 'right';
  /** Shortened with … when the table is too wide, and left out when that is not enough. */
  flexible?: boolean;
  /** Flexible, but broken into at most this many lines in place of being shortened. For the last column. */
  wrap?: number;
  /** Left out as a whole, from the right, when what is flexible is short and it is still too wide: part of a time says nothing. */
  optional?: boolean;
  /** Shortened only when all that is flexible is short already, and at its beginning: names of a fleet differ at their ends. */
  id?: boolean;
}

const GAP = 2;
/** Columns of the terminal that a cell keeps, by its kind. */
const LEAST = 6;
const LEAST_ID = 8;
/** More of an id than this gives way before another column is left out. */
const COMFORT_ID = 10;
const LEAST_WRAPPED = 12;
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
 * A table without borders that fits `width`: flexible columns are shortened first, then long ids; then optional ones, and then
 * flexible ones, are left out from the right (they are in --json); at last ids and everything else are shortened. No rows: the header alone.
 */
export function renderTable<T>(columns: Column<T>[], rows: T[], width: number): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map((column, i) =>
    Math.max(displayWidth(column.header), ...cells.map((row) => displayWidth(row[i]!))),
  );
  shrink(widths, width, (i) => (isFlexible(columns[i]!) ? leastOf(columns[i]!) : undefined));
  shrink(widths, width, (i) => (columns[i]!.id === true ? COMFORT_ID : undefined));
  const spare = columns.findLastIndex((one) => one.optional === true);
  const last = spare >= 0 ? spare : columns.findLastIndex(isFlexible);
  if (total(widths) > width && last >= 0) return renderTable(columns.toSpliced(last, 1), rows, width);
  shrink(widths, width, (i) => (columns[i]!.id === true ? leastOf(columns[i]!) : undefined));
  shrink(widths, width, () => LEAST);
  const table = new Table({
    head: columns.map((column, i) => shorten(column.header, widths[i]!)),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP, compact: true },
    colWidths: widths.map((one) => one + GAP),
    colAligns: columns.map((column) => column.align ?? 'left'),
  });
  for (const [r, row] of rows.entries()) {
    table.push(
      columns.map((column, i) => {
        const text = fitted(column, cells[r]![i]!, widths[i]!);
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

function isFlexible<T>({ flexible, wrap }: Column<T>): boolean {
  return flexible === true || wrap !== undefined;
}

function leastOf<T>({ header, wrap, id }: Column<T>): number {
  const least = wrap !== undefined ? LEAST_WRAPPED : id === true ? LEAST_ID : LEAST;
  return Math.max(least, displayWidth(header));
}

function total(widths: number[]): number {
  return widths.reduce((sum, one) => sum + one, 0) + GAP * (widths.length - 1);
}

/** Takes what is too much from the widest column, again and again; `least` undefined = not from this one. */
function shrink(widths: number[], width: number, least: (column: number) => number | undefined): void {
  while (total(widths) > width) {
    const candidates = widths
      .map((one, i) => ({ one, i }))
      .filter(({ one, i }) => one > (least(i) ?? Number.POSITIVE_INFINITY));
    if (candidates.length === 0) return;
    const widest = candidates.reduce((best, one) => (one.one > best.one ? one : best));
    widths[widest.i] = widest.one - 1;
  }
}

function fitted<T>({ wrap, id }: Column<T>, text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (id === true) return `…${reversed(beginning(reversed(text), width - 1))}`;
  return wrap === undefined ? shorten(text, width) : broken(text, width, wrap).join('\n');
}

/** Lines of this width, broken behind a blank or a comma where one is near; the last one says if there is more. */
function broken(text: string, width: number, most: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (displayWidth(rest) > width && lines.length + 1 < most) {
    const whole = beginning(rest, width);
    const gap = Math.max(whole.lastIndexOf(' '), whole.lastIndexOf(','));
    const line = gap > whole.length / 2 ? whole.slice(0, gap + 1) : whole;
    lines.push(line);
    rest = rest.slice(line.length).trimStart();
  }
  return [...lines, shorten(rest, width)];
}

function shorten(text: string, width: number): string {
  return displayWidth(text) <= width ? text : `${beginning(text, width - 1)}…`;
}

function reversed(text: string): string {
  return [...text].reverse().join('');
}

/** As much of it as fits. */
function beginning(text: string, width: number): string {
  let kept = '';
  let columns = 0;
  for (const character of text) {
    columns += displayWidth(character);
    if (columns > width) break;
    kept += character;
  }
  return kept;
}
