// The beginning of an input: which format it is, what stands between its fields, whether it is text at all.
import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { AfdError } from '../domain/errors.ts';

export type ImportFormat = 'csv' | 'jsonl';

/** task_data may have 1 MiB as JSON; a CSV doubles its quotes. */
export const MOST_ROW_BYTES = 4 * 1024 * 1024;
/** Bytes that are read before anything is decided. */
const START_BYTES = 64 * 1024;

export interface InputStart {
  format: ImportFormat;
  /** Between the fields of a CSV. */
  delimiter: string;
  /** The whole input, from its first byte. */
  chunks: AsyncIterable<Buffer>;
  /** `broken` from the moment on at which a chunk was not UTF-8. */
  encoding: { broken: boolean };
}

export interface ImportInput {
  stream: Readable;
  /** File name as the user wrote it, `-` for standard input. */
  name: string;
}

/** @throws AfdError E_USAGE for what is no text, or a JSON array; errors of the stream */
export async function openInput({ stream, name }: ImportInput, wanted?: ImportFormat): Promise<InputStart> {
  const source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  const first: Buffer[] = [];
  let bytes = 0;
  let over = false;
  while (bytes < START_BYTES) {
    const { value, done } = await source.next();
    over = done === true;
    if (over) break;
    const chunk = Buffer.from(value);
    first.push(chunk);
    bytes += chunk.length;
    if (chunk.includes(0x0a) && bytes > 3) break;
  }
  const start = Buffer.concat(first);
  refuseBinary(start);
  const text = start.toString('utf8').replace(/^\ufeff/, '');
  const format = wanted ?? formatOf(name, text);
  if (format === 'jsonl' && text.trimStart().startsWith('[')) {
    throw new AfdError('E_USAGE', 'The input is a JSON array, but JSON Lines has one object per line.', {
      suggestions: [name === '-' ? "jq -c '.[]' | afd tasks import -" : `jq -c '.[]' ${name} | afd tasks import -`],
    });
  }
  const encoding = { broken: false };
  const rest = over ? undefined : source;
  return { format, delimiter: delimiterOf(text), encoding, chunks: checked(start, rest, encoding) };
}

async function* checked(
  start: Buffer,
  rest: AsyncIterator<Buffer | string> | undefined,
  encoding: { broken: boolean },
): AsyncGenerator<Buffer> {
  let tail = Buffer.alloc(0);
  const check = (chunk: Buffer) => {
    if (encoding.broken) return;
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const cut = bytes.length - openBytes(bytes);
    encoding.broken = !isUtf8(bytes.subarray(0, cut));
    tail = Buffer.from(bytes.subarray(cut));
  };
  check(start);
  if (start.length > 0) yield start;
  for (;;) {
    const { value, done } = (await rest?.next()) ?? { value: undefined, done: true };
    if (done === true) break;
    const chunk = Buffer.from(value);
    check(chunk);
    yield chunk;
  }
  if (tail.length > 0) encoding.broken = true;
}

/** Bytes at the end that begin a character and do not end it. */
function openBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

function refuseBinary(start: Buffer): void {
  const hex = start.subarray(0, 4).toString('hex');
  const what = /^(fffe|feff)/.test(hex)
    ? 'UTF-16 text. Save it as UTF-8'
    : hex.startsWith('1f8b')
      ? 'compressed. Decompress it with gunzip first'
      : hex.startsWith('504b0304')
        ? 'a ZIP archive or a workbook. Save it as CSV'
        : start.includes(0)
          ? 'not text'
          : undefined;
  if (what !== undefined) throw new AfdError('E_USAGE', `The input is ${what}.`);
}

function formatOf(name: string, text: string): ImportFormat {
  if (/\.(csv|tsv)$/i.test(name)) return 'csv';
  if (/\.(jsonl|ndjson)$/i.test(name)) return 'jsonl';
  return /^\s*[{[]/.test(text) ? 'jsonl' : 'csv';
}

/** No name of a column holds any of them, so the header shows which one it is. */
function delimiterOf(text: string): string {
  const header = text.trimStart().split(/\r?\n|\r/, 1)[0] ?? '';
  return [',', ';', '\t'].find((one) => header.includes(one)) ?? ',';
}
