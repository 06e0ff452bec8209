// Finding S10: what an import holds is bounded by bytes, whatever its rows look like. Counted in what it takes from its input,
// and in what it sends at once.
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { parseWhen } from '../../src/cli/flags/flags.ts';
import type { Session } from '../../src/core/db/session.ts';
import { type ImportOptions, importTasks } from '../../src/core/import/import-tasks.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { it } from '../helpers/fixture.ts';
import { testContext } from '../helpers/node.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
let db: TestDatabase;
let session: Session;
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

/** Imports what the generator yields, counts what was taken of it, and the lines that each transaction committed. */
async function run(name: string, parts: Iterable<Buffer | string>, options: Partial<ImportOptions> = {}) {
  const context = testContext(db);
  let taken = 0;
  function* counted() {
    for (const part of parts) {
      taken += Buffer.byteLength(part);
      yield part;
    }
  }
  const settled: number[] = [];
  try {
    const result = await importTasks(
      context,
      { stream: Readable.from(counted(), { objectMode: false }), name },
      {
        ...{
          skipBad: false,
          atomic: false,
          dryRun: false,
          typed: {
            again: `afd tasks import ${name}`,
            intoBatch: { command: `afd tasks import ${name}`, seal: '' },
            piped: { command: 'afd tasks import -', file: `cat ${name}` },
          },
          stop: new AbortController().signal,
        },
        ...{ parseWhen: (when: string) => parseWhen(when, 'ahead'), ...options },
        onProgress: ({ lines }) => settled.push(lines),
      },
    ).catch((error: unknown) => error as Error & { code?: string });
    return { result, taken, settled };
  } finally {
    await context.close();
  }
}
const count = async () => Number((await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task}`))[0]!.n);

const LARGE = `${JSON.stringify({ task_type: 'a', task_data: { page: 'x'.repeat(1000 * KIB) } })}\n`;
function* times<T>(n: number, part: T): Generator<T> {
  for (let done = 0; done < n; done += 1) yield part;
}

it('finding S10: rows go in by eight megabytes where a thousand of them would be more', async () => {
  const { result, settled } = await run('large.jsonl', times(20, LARGE));
  expect(result).toMatchObject({ added: 20, complete: true });
  expect(settled).toEqual([9, 18, 20]);
  const csv = `"{""page"":""${'x'.repeat(1000 * KIB)}""}",a\n`;
  const again = await run('large.csv', ['task_data,task_type\n', ...times(12, csv)]);
  expect(again.settled).toEqual([10, 13]);
  expect(await count()).toBe(32);
});

it('finding S10: --atomic takes 64 MiB at most, and no more of the input', async () => {
  const { result, taken } = await run('large.jsonl', times(5000, LARGE), { atomic: true });
  expect(result).toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('more than 200000 rows or 64 MiB, the maximum of one transaction'),
  });
  expect(taken).toBeGreaterThan(64 * MIB);
  expect(taken).toBeLessThan(67 * MIB);
  expect(await count()).toBe(0);
});

it.each([
  ['in a row', 'task_type\na\n', 'Line 3'],
  ['in the header', '', 'Line 1'],
])('finding S10: commas without end %s are given up after 4 MiB', async (_, start, where) => {
  const { result, taken } = await run('commas.csv', [start, ...times(1500, Buffer.alloc(MIB, ','))]);
  expect(result).toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining(`${where}: a row is longer than 4 MiB`),
  });
  expect(taken).toBeLessThan(8 * MIB);
});

it.each([
  ['a line that does not end', 'endless.csv', 'task_type\n', Buffer.alloc(MIB, 'x')],
  ['a quote that is not closed', 'quote.csv', 'task_type,username\na,"', Buffer.alloc(MIB, 'x\n')],
])('finding S10: %s is given up after 4 MiB', async (_, name, start, part) => {
  const { result, taken } = await run(name, [start, ...times(1500, part)]);
  expect(result).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('a row is longer than 4 MiB') });
  expect(taken).toBeLessThan(8 * MIB);
});

it('finding S10: a row of more than 1,000 fields is bad, and one of 1,000 is not', async () => {
  const rows = ['task_type\n', `a${','.repeat(1000)}\n`, `b${','.repeat(999)}\n`, 'c\n'];
  const { result } = await run('wide.csv', rows, { skipBad: true });
  expect(result).toMatchObject({
    ...{ added: 2, bad: 1, lines: 4 },
    problems: [{ line: 2, problem: 'the row has 1001 fields; the maximum is 1000' }],
  });
  const header = await run('header.csv', [`task_type${',x'.repeat(1000)}\n`]);
  expect(header.result).toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('Line 1: the row has 1001 fields'),
  });
});

it('finding S10: blank lines are no part of a row, however many they are', async () => {
  const { result } = await run('blank.csv', ['task_type\na\n', ...times(6, Buffer.alloc(MIB, '\n')), 'b\n']);
  expect(result).toMatchObject({ added: 2, lines: 2 + 6 * MIB + 1 });
});
