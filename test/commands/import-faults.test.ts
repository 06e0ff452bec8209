// F8: what an import, a wait and a retry of many say when the database fails in the middle of them.

import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { parseWhen } from '../../src/cli/flags/flags.ts';
import { typedImport } from '../../src/cli/typed.ts';
import type { Context } from '../../src/core/context/context.ts';
import { databaseError } from '../../src/core/db/database-error.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { AfdError } from '../../src/core/domain/errors.ts';
import { type ImportOptions, importTasks } from '../../src/core/import/import-tasks.ts';
import { retryEach } from '../../src/core/tasks/retry-tasks.ts';
import { actor } from '../helpers/actor.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { testContext } from '../helpers/node.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const TYPED = typedImport(['tasks.csv'], 'tasks.csv');
const LOST = { message: 'Connection lost: injected', code: 'PROTOCOL_CONNECTION_LOST', fatal: true };
const REFUSED = { message: 'CONSTRAINT failed: injected', errno: 4025, code: 'ER_CONSTRAINT_FAILED' };

/** A context whose sessions fail at the n-th COMMIT: before it is sent, or after it was done. */
function failing(nth: number, when: 'before' | 'after', error: object): Context {
  const context = testContext(db);
  let n = 0;
  return {
    ...context,
    async session(options) {
      const one = await context.session(options);
      const write = one.write.bind(one);
      one.write = async (sql, values) => {
        if (sql !== 'COMMIT') return write(sql, values);
        n += 1;
        if (n !== nth) return write(sql, values);
        if (when === 'after') await write(sql, values);
        if (databaseError(error, 'test').retry === 'connection') one.destroy();
        throw databaseError(error, 'test');
      };
      return one;
    },
  };
}

const csv = (rows: number) => `task_type,dedupe_key\n${Array.from({ length: rows }, (_, n) => `a,k${n}\n`).join('')}`;
/** Imports these parts; an error is an answer like any other. */
async function run(
  context: Context,
  input: Iterable<string> | AsyncIterable<Buffer>,
  options: Partial<ImportOptions> = {},
) {
  const stream = Readable.from(typeof input === 'string' ? [input] : input, { objectMode: false });
  const rest = { skipBad: false, atomic: false, dryRun: false, stop: new AbortController().signal, typed: TYPED };
  const parse = (when: string) => parseWhen(when, 'ahead');
  try {
    return await importTasks(context, { stream, name: 'tasks.csv' }, { ...rest, parseWhen: parse, ...options });
  } catch (error) {
    return error as AfdError;
  } finally {
    await context.close();
  }
}
const count = async () => Number((await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task}`))[0]!.n);

it.each([
  ['before', 1000],
  ['after', 2000],
] as const)(
  'F8 an import whose connection is lost %s a COMMIT says what is in and what is not known, and may be run again',
  async (when, inside) => {
    const error = await run(failing(2, when, LOST), csv(2500));
    expect(error).toMatchObject({
      code: 'E_DATABASE',
      exitCode: 69,
      message: expect.stringMatching(
        /1000 tasks were added; all rows up to line 1001 are complete\. It is unknown whether lines 1002 to 2001 were added/,
      ),
      data: { added: 1000, lines: 1001, unknown_lines: { from: 1002, to: 2001 } },
    });
    expect((error as { suggestions: string[] }).suggestions[0]).toBe('afd tasks import tasks.csv --from-line 1002');
    expect(await count()).toBe(inside);
    const again = await run(testContext(db), csv(2500), { fromLine: 1002 });
    expect(again).toMatchObject({ added: 2500 - inside, existing: inside - 1000, complete: true });
    expect(await count()).toBe(2500);
  },
);

it('F8 an import that the server refuses in the middle says that nothing of that chunk is in', async () => {
  expect(await run(failing(3, 'before', REFUSED), csv(2500))).toMatchObject({
    code: 'E_FAILED',
    message: expect.stringContaining('2000 tasks were added; all rows up to line 2001 are complete. Lines 2002'),
    data: { added: 2000, unknown_lines: null },
  });
  expect(await count()).toBe(2000);
});

it('F8 --atomic that fails leaves nothing behind', async () => {
  expect(await run(failing(1, 'before', LOST), csv(1500), { atomic: true })).toMatchObject({ exitCode: 69 });
  expect(await count()).toBe(0);
});

it('F8 a bad row while the chunk before it is refused tells of the refusal', async () => {
  const text = `${csv(1200)}a,k,too,many\n`;
  expect(await run(failing(1, 'before', REFUSED), text)).toMatchObject({ code: 'E_FAILED', data: { added: 0 } });
  expect(await count()).toBe(0);
});

it('F8 an input that breaks off by an error is an error that says what is in', async () => {
  const broken = async function* () {
    yield Buffer.from(csv(1500));
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
  };
  const error = await run(testContext(db), broken());
  expect(error).toMatchObject({
    code: 'E_FAILED',
    message: expect.stringMatching(/^The input ended unexpectedly: EIO: .* added/),
  });
  expect(await count()).toBe((error as AfdError).data.added);
});

it('F8 a retry of many that loses the database says how many are done, and may be run again', async () => {
  const ids: number[] = [];
  for (let n = 0; n < 4; n += 1) ids.push(await insertTask(session, db.names, { status: 'failed', attempt: 1 }));
  const context = failing(3, 'before', LOST);
  await expect(retryEach(context, ids, { only: 'failed', by: actor('ada@ops') })).rejects.toMatchObject({
    exitCode: 69,
    message: expect.stringContaining(
      '2 of 4 tasks were retried before this error; run the command again for the others.',
    ),
    data: { matched: 4, retried: 2, skipped: 0 },
  });
  await context.close();
  const again = testContext(db);
  expect(await retryEach(again, ids, { only: 'failed', by: actor('ada@ops') })).toMatchObject({
    retried: 2,
    skipped: 2,
  });
  await again.close();
});

it('finding S10: rows go in by eight megabytes where a thousand of them would be more', async () => {
  const large = `"{""page"":""${'x'.repeat(1_000_000)}""}",a\n`;
  const settled: number[] = [];
  const onProgress: ImportOptions['onProgress'] = ({ lines }) => settled.push(lines);
  const found = await run(testContext(db), ['task_data,task_type\n', ...Array(12).fill(large)], { onProgress });
  expect(found).toMatchObject({ added: 12, complete: true });
  expect(settled).toEqual([10, 13]);
});

it('finding S10: --atomic takes 64 MiB at most, and no more of the input', async () => {
  let taken = 0;
  function* endless() {
    yield 'task_data,task_type\n';
    for (; ; taken += 1) yield `"{""page"":""${'x'.repeat(1_000_000)}""}",a\n`;
  }
  expect(await run(testContext(db), endless(), { atomic: true })).toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('more than 200000 rows or 64 MiB, the maximum of one transaction'),
  });
  expect(taken).toBeGreaterThan(65);
  expect(taken).toBeLessThan(72);
  expect(await count()).toBe(0);
});
