// A CSV with a header (RFC 4180; also ; or tab between the fields, and any line end), row by row, each with the number
// of the line on which it begins. csv-parse counts a CRLF inside quotes twice, so lines are counted here. What breaks the
// quoting ends the reading, whatever is to be skipped: what follows could be taken for anything.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CsvError, type InfoRecord, type Options, parse } from 'csv-parse';
import { AfdError } from '../domain/errors.ts';
import { checkHeader } from './import-columns.ts';
import { type ImportRow, NOT_UTF8 } from './import-row.ts';
import { type InputStart, MOST_ROW_BYTES } from './input-start.ts';

interface Cells {
  cells: string[];
  /** Empty lines so far: csv-parse passes them over. */
  empty: number;
}

/** @throws AfdError E_USAGE for a header or quoting that cannot be read */
export async function* csvRows({ chunks, delimiter, encoding }: InputStart): AsyncGenerator<ImportRow> {
  const parser = parse({
    delimiter,
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: MOST_ROW_BYTES,
    // The types know no records of another shape than the cells.
    on_record: keepCount as unknown as NonNullable<Options['on_record']>,
  });
  const feeding = pipeline(Readable.from(chunks, { objectMode: false }), parser);
  // Told by the loop below.
  feeding.catch(() => {});
  let names: string[] | undefined;
  let lines = 0;
  let empty = 0;
  try {
    for await (const { cells, empty: emptyNow } of parser as AsyncIterable<Cells>) {
      lines += emptyNow - empty;
      empty = emptyNow;
      const line = lines + 1;
      lines = line + breaks(cells);
      if (names === undefined) names = checkHeader(cells);
      else yield rowOf(line, lines, names, cells, encoding.broken);
    }
  } catch (error) {
    throw broken(error, lines + 1);
  } finally {
    parser.destroy();
  }
  if (names === undefined) throw new AfdError('E_USAGE', 'There is no header: the input is empty.');
}

function keepCount(cells: string[], info: InfoRecord): Cells {
  return { cells, empty: info.empty_lines };
}

function rowOf(line: number, last: number, names: string[], cells: string[], suspicious: boolean): ImportRow {
  if (suspicious && cells.some((cell) => cell.includes('\ufffd'))) return { line, last, problem: NOT_UTF8 };
  if (cells.length > names.length && cells.slice(names.length).some((cell) => cell !== '')) {
    return { line, last, problem: `${cells.length} fields, and the header has ${names.length}` };
  }
  const fields: { [name: string]: unknown } = {};
  for (const [n, name] of names.entries()) {
    const cell = cells[n];
    if (cell !== undefined && cell !== '') fields[name] = cell;
  }
  return { line, last, fields };
}

/** Line ends inside quoted cells. */
function breaks(cells: string[]): number {
  let count = 0;
  for (const cell of cells) {
    for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count += 1;
  }
  return count;
}

const SYNTAX: { [code: string]: string } = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${MOST_ROW_BYTES / 1024 / 1024} MiB; is a quote never closed?`,
  INVALID_OPENING_QUOTE: 'a quote stands inside a field that does not begin with one; write the field as "say ""hi"""',
  CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote; a quote inside a quoted field is written twice',
};

function broken(error: unknown, line: number): unknown {
  const { code } = error as CsvError;
  if (!(error instanceof Error) || typeof code !== 'string' || !(code in SYNTAX)) return error;
  return new AfdError('E_USAGE', `Line ${line}: ${SYNTAX[code]}.`, { data: { line, problem: SYNTAX[code] } });
}
