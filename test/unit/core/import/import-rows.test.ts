// What an import reads: rows with their lines, tasks, and what is wrong with each. Nothing here needs a database.
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { csvRows } from '../../../../src/core/import/csv-rows.ts';
import { readRow } from '../../../../src/core/import/import-columns.ts';
import { openInput } from '../../../../src/core/import/input-start.ts';
import { jsonlRows } from '../../../../src/core/import/jsonl-rows.ts';

const MIB = 1024 * 1024;
type Part = Buffer | string;
type Read = { line: number; last: number; task?: object; problem?: string };

const readWhen = (text: string) => {
  if (text !== 'today') throw new Error(`"${text}" is not a time`);
  return '2037-01-01T00:00:00.000Z';
};

/** The rows of an input, or the error that ends it; `taken` counts the bytes that were read. */
async function read(name: string, input: Part | Iterable<Part>, defaultType?: string) {
  let taken = 0;
  function* counted() {
    for (const part of typeof input === 'string' || Buffer.isBuffer(input) ? [input] : input) {
      taken += Buffer.byteLength(part);
      yield part;
    }
  }
  const rows: Read[] = [];
  try {
    const start = await openInput({ stream: Readable.from(counted(), { objectMode: false }), name });
    for await (const row of start.format === 'csv' ? csvRows(start) : jsonlRows(start)) {
      const { line, last } = row;
      rows.push({ line, last, ...('problem' in row ? row : readRow(row.fields, { defaultType, readWhen })) });
    }
    return { rows, taken, error: undefined };
  } catch (error) {
    expect(error).toMatchObject({ code: 'E_USAGE' });
    return { rows, taken, error: (error as Error).message };
  }
}
const tasks = ({ rows }: { rows: Read[] }) => rows.map((one) => one.task);

function* times<T>(n: number, part: T): Generator<T> {
  for (let done = 0; done < n; done += 1) yield part;
}

describe('a CSV', () => {
  it('may hold every column, in any order, and leaves out what is empty', async () => {
    const text = `dedupe_key,task_type,task_data,username,start_date,priority,required_capabilities,run_at,max_retry_count,execution_timeout
k1,sync_data,"{""n"":1}",user@example.com,2024-01-01,7,"{""proxy_support"":true}",today,5,60
,sync_apps,,,,,,,,
`;
    expect(tasks(await read('all.csv', text))).toEqual([
      {
        ...{ dedupe_key: 'k1', task_type: 'sync_data', task_data: { n: 1 }, username: 'user@example.com' },
        ...{ start_date: '2024-01-01', priority: 7, required_capabilities: { proxy_support: true } },
        ...{ run_at: '2037-01-01T00:00:00.000Z', max_retry_count: 5, execution_timeout: 60 },
      },
      { task_type: 'sync_apps' },
    ]);
  });

  it('may have a byte order mark, CRLF, quoted line ends, blank lines, semicolons, and a last line without an end', async () => {
    const text = '\ufefftask_type;username\r\na;"two\r\nlines"\r\n\r\nb;"say ""hi"""\r\nc;日本';
    const { rows } = await read('windows.csv', text);
    expect(rows).toEqual([
      { line: 2, last: 3, task: { task_type: 'a', username: 'two\r\nlines' } },
      { line: 5, last: 5, task: { task_type: 'b', username: 'say "hi"' } },
      { line: 6, last: 6, task: { task_type: 'c', username: '日本' } },
    ]);
  });

  it('needs no type where a default is given, and a row may name another', async () => {
    const found = await read('types.csv', 'username,task_type\nu,\nv,b\n', 'a');
    expect(tasks(found)).toMatchObject([{ task_type: 'a' }, { task_type: 'b' }]);
  });

  it.each([
    ['task_type,task_data\na,{n:1}\n', /^task_data: not JSON/],
    ['task_type,task_data\na,[1]\n', /task_data must be an object/],
    ['task_type,priority\na,high\n', /^priority: "high" is not a number/],
    ['task_type,run_at\na,soon\n', /^run_at: "soon" is not a time/],
    ['task_type,start_date\na,2024-02-30\n', /start_date must be a date/],
    ['username\nu\n', /^task_type is missing/],
    ['task_type,username\na,b,c\n', /^the row has 3 fields, but the header has 2/],
    [Buffer.from('task_type,username\na,caf\xe9\n', 'latin1'), /^not UTF-8/],
  ])('with the bad row %j says what is wrong with it', async (text, why) => {
    const { rows, error } = await read('wrong.csv', text);
    expect([rows[0]?.line, error]).toEqual([2, undefined]);
    expect(rows[0]?.problem).toMatch(why);
  });

  it('goes on behind a row in another encoding; a replacement character is text like any other', async () => {
    const latin = Buffer.concat([Buffer.from('task_type\nfine\ncaf'), Buffer.from([0xe9, 0x0a]), Buffer.from('c\n')]);
    expect((await read('latin.csv', latin)).rows.map((one) => one.problem)).toEqual([
      undefined,
      'not UTF-8',
      undefined,
    ]);
    expect(tasks(await read('real.csv', 'task_type\n\ufffd\n'))).toEqual([{ task_type: '\ufffd' }]);
  });

  it.each([
    ['username,task_typ\nu,a\n', 'Line 1: unknown column "task_typ". Did you mean "task_type"?'],
    ['username,type\nu,a\n', 'Line 1: unknown column "type". Did you mean "task_type"?'],
    ['task_type,task_type\na,b\n', 'occurs twice'],
    ['', 'The input is empty'],
    ['task_type,username\na,b"c\n', 'Line 2: a field contains a quote'],
    ['task_type,username\na,"b"c\n', 'Line 2: text follows a closing quote'],
    ['task_type,username\nx,y\na,"b\nc\n', 'Line 3: a quote is opened but not closed'],
    [Buffer.from('\ufefftask_type\na\n', 'utf16le'), 'UTF-16'],
    [Buffer.from([0x1f, 0x8b, 8, 0]), 'gunzip'],
    [`task_type${',x'.repeat(1000)}\n`, 'Line 1: the row has 1001 fields'],
  ])('is refused as a whole: %j', async (text, why) => {
    expect((await read('refused.csv', text)).error).toContain(why);
  });
});

describe('JSON lines', () => {
  it('are found by their content, and give values as they are', async () => {
    const lines = [
      { task_type: 'a', task_data: { n: 1 }, priority: 9 },
      { task_type: 'b', username: '' },
    ];
    const text = `${lines.map((one) => JSON.stringify(one)).join('\r\n')}\n\n`;
    expect(tasks(await read('tasks.txt', text))).toEqual(lines);
  });

  it.each([
    ['{oops\n', /^the line is not JSON/],
    ['5\n', /^the line is not a JSON object/],
    ['{"task_type":"a","prio":5}\n', /^unknown column "prio"/],
    ['{"task_type":"a","priority":"x"}\n', /^priority: "x" is not a number/],
    ['{"task_type":"a","dedupe_key":""}\n', /dedupe_key must not be empty/],
  ])('with the bad line %s says what is wrong with it', async (text, why) => {
    const { rows } = await read('bad.jsonl', `{"task_type":"a"}\n${text}`);
    expect(rows[1]).toMatchObject({ line: 2, problem: expect.stringMatching(why) });
  });

  it('are no JSON array', async () => {
    expect((await read('bad.jsonl', '[{"task_type":"a"}]')).error).toContain('JSON array');
  });
});

describe('finding S10: what is held of an input is bounded, whatever its rows look like', () => {
  it.each([
    ['commas in a row', 'task_type\na\n', Buffer.alloc(MIB, ','), 'Line 3'],
    ['commas in the header', '', Buffer.alloc(MIB, ','), 'Line 1'],
    ['a line that does not end', 'task_type\n', Buffer.alloc(MIB, 'x'), 'Line 2'],
    ['a quote that is not closed', 'task_type,username\na,"', Buffer.alloc(MIB, 'x\n'), 'Line 2'],
  ])('%s: given up after 4 MiB', async (_, start, part, where) => {
    const { error, taken } = await read('endless.csv', [start, ...times(1500, part)]);
    expect(error).toContain(`${where}: a row is longer than 4 MiB`);
    expect(taken).toBeLessThan(8 * MIB);
  });

  it('a row of more than 1,000 fields is bad, and one of 1,000 is not', async () => {
    const { rows } = await read('wide.csv', `task_type\na${','.repeat(1000)}\nb${','.repeat(999)}\n`);
    expect(rows.map((one) => one.problem)).toEqual(['the row has 1001 fields; the maximum is 1000', undefined]);
  });

  it('blank lines are no part of a row, however many they are', async () => {
    const { rows } = await read('blank.csv', ['task_type\na\n', ...times(6, Buffer.alloc(MIB, '\n')), 'b\n']);
    expect(rows.map((one) => one.line)).toEqual([2, 6 * MIB + 3]);
  });
});
