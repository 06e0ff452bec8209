// JSON lines: one object per line, each with its number. Lines are cut as bytes, so that one that is not UTF-8 harms no
// other.
import { isUtf8 } from 'node:buffer';
import { type ImportRow, NOT_UTF8 } from './import-row.ts';
import { type InputStart, MOST_ROW_BYTES } from './input-start.ts';

const NEWLINE = 0x0a;

export async function* jsonlRows({ chunks }: InputStart): AsyncGenerator<ImportRow> {
  let line = 0;
  for await (const bytes of linesOf(chunks)) {
    line += 1;
    const row = bytes === undefined ? tooLong(line) : rowOf(line, bytes);
    if (row !== undefined) yield row;
  }
}

/** Without their line ends; undefined = longer than a row may be (its bytes are not kept). */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | undefined> {
  let parts: Buffer[] = [];
  let held = 0;
  const end = () => {
    const whole = held > MOST_ROW_BYTES ? undefined : parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    held = 0;
    return whole;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at));
      held += at - from;
      from = at + 1;
      yield end();
    }
    held += chunk.length - from;
    if (held <= MOST_ROW_BYTES) parts.push(chunk.subarray(from));
    else parts = [];
  }
  if (held > 0) yield end();
}

/** Undefined = a blank line. */
function rowOf(line: number, bytes: Buffer): ImportRow | undefined {
  const at = { line, last: line, bytes: bytes.length };
  if (!isUtf8(bytes)) return { ...at, problem: NOT_UTF8 };
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (text.trim() === '') return undefined;
  try {
    const fields: unknown = JSON.parse(text);
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) {
      return { ...at, fields: fields as Record<string, unknown> };
    }
    return { ...at, problem: 'the line is not a JSON object' };
  } catch (error) {
    return { ...at, problem: `the line is not JSON (${(error as Error).message.slice(0, 120)})` };
  }
}

function tooLong(line: number): ImportRow {
  return { line, last: line, bytes: 0, problem: `the line is longer than ${MOST_ROW_BYTES / 1024 / 1024} MiB` };
}
