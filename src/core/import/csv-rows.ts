// A CSV with a header (RFC 4180; also ; or tab between the fields, and any line end), row by row, each with the number
// of the line on which it begins. csv-parse counts a CRLF inside quotes twice, so lines are counted here. What breaks the
// quoting ends the reading, whatever is to be skipped: what follows could be taken for anything.
import { type CsvError, type InfoRecord, type Options, type Parser, parse } from 'csv-parse';
import { AfdError } from '../domain/errors.ts';
import { checkHeader } from './import-columns.ts';
import { type ImportRow, NOT_UTF8, type RowContent } from './import-row.ts';
import { type InputStart, MOST_ROW_BYTES } from './input-start.ts';

/** Fields of one row; csv-parse itself counts the characters in them, and so not a row of commas alone. */
const MOST_FIELDS = 1000;

interface CsvRecord {
  /** Empty where there are more than MOST_FIELDS. */
  cells: string[];
  fields: number;
  /** Line ends inside quoted cells. */
  breaks: number;
  /** Empty lines so far: csv-parse passes them over. */
  empty: number;
  /** Bytes of the input up to the end of this row. */
  bytes: number;
}

/** @throws AfdError E_USAGE for a header or quoting that cannot be read */
export async function* csvRows({ chunks, delimiter, encoding }: InputStart): AsyncGenerator<ImportRow> {
  let ended = 0;
  const parser = parse({
    delimiter,
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: MOST_ROW_BYTES,
    on_record: (cells: string[], info: InfoRecord) => {
      ended = info.bytes;
      return recordOf(cells, info) as unknown as ReturnType<NonNullable<Options['on_record']>>;
    },
  });
  // The loop below reports what goes wrong in it.
  void feed(parser, chunks, () => ended);
  let names: string[] | undefined;
  let lines = 0;
  let empty = 0;
  let before = 0;
  try {
    for await (const record of parser as AsyncIterable<CsvRecord>) {
      lines += record.empty - empty;
      empty = record.empty;
      const line = lines + 1;
      lines = line + record.breaks;
      const at = { line, last: lines, bytes: record.bytes - before };
      before = record.bytes;
      if (names !== undefined) yield { ...at, ...rowOf(names, record, encoding.broken) };
      else if (record.fields > MOST_FIELDS) throw new AfdError('E_USAGE', `Line ${line}: ${tooMany(record)}.`);
      else names = checkHeader(record.cells);
    }
  } catch (error) {
    throw broken(error, lines + 1);
  } finally {
    parser.destroy();
  }
  if (names === undefined) throw new AfdError('E_USAGE', 'The input is empty: the header line is missing.');
}

/** Hands the parser one chunk after the other, and gives up on a row that is longer than any may be. Never rejects. */
async function feed(parser: Parser, chunks: AsyncIterable<Buffer>, rowEnd: () => number): Promise<void> {
  let fed = 0;
  let from = 0;
  let empty = 0;
  try {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        parser.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      fed += chunk.length;
      // An empty line ends no row, but there is none open behind it either.
      if (parser.info.empty_lines !== empty) from = fed;
      empty = parser.info.empty_lines;
      from = Math.max(from, rowEnd());
      if (fed - from > MOST_ROW_BYTES) throw Object.assign(new Error('too long'), { code: 'CSV_MAX_RECORD_SIZE' });
    }
    parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

function recordOf(cells: string[], info: InfoRecord): CsvRecord {
  const fields = cells.length;
  const { empty_lines: empty, bytes } = info;
  return { cells: fields > MOST_FIELDS ? [] : cells, fields, breaks: breaks(cells), empty, bytes };
}

function tooMany({ fields }: CsvRecord): string {
  return `the row has ${fields} fields; the maximum is ${MOST_FIELDS}`;
}

function rowOf(names: string[], record: CsvRecord, suspicious: boolean): RowContent {
  const { cells } = record;
  if (record.fields > MOST_FIELDS) return { problem: tooMany(record) };
  if (suspicious && cells.some((cell) => cell.includes('\ufffd'))) return { problem: NOT_UTF8 };
  if (cells.length > names.length && cells.slice(names.length).some((cell) => cell !== '')) {
    return { problem: `the row has ${cells.length} fields, but the header has ${names.length}` };
  }
  const fields: { [name: string]: unknown } = {};
  for (const [n, name] of names.entries()) {
    const cell = cells[n];
    if (cell !== undefined && cell !== '') fields[name] = cell;
  }
  return { fields };
}

function breaks(cells: string[]): number {
  let count = 0;
  for (const cell of cells) {
    for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count += 1;
  }
  return count;
}

const SYNTAX: { [code: string]: string } = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened but not closed',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${MOST_ROW_BYTES / 1024 / 1024} MiB; a closing quote may be missing`,
  INVALID_OPENING_QUOTE: 'a field contains a quote but does not start with one; write the field as "say ""hi"""',
  CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote; write a quote inside a quoted field twice',
};

function broken(error: unknown, line: number): unknown {
  const { code } = error as CsvError;
  if (!(error instanceof Error) || typeof code !== 'string' || !(code in SYNTAX)) return error;
  return new AfdError('E_USAGE', `Line ${line}: ${SYNTAX[code]}.`, { data: { line, problem: SYNTAX[code] } });
}
