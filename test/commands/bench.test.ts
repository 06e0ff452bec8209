// `afd bench` measures in a place of its own, and leaves nothing behind however it ends.
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type BenchResult, bench } from '../../src/core/benchmark/benchmark.ts';
import { SCRATCH_PREFIX } from '../../src/core/benchmark/scratch.ts';
import type { Context } from '../../src/core/context/context.ts';
import { DatabaseError } from '../../src/core/db/database-error.ts';
import type { Session } from '../../src/core/db/session.ts';
import { runCommand, spawnCommand } from '../helpers/command.ts';
import { type TestDatabase, testDatabase } from '../helpers/database.ts';
import { testContext } from '../helpers/node.ts';

let db: TestDatabase;
let session: Session;
let said: string[];

beforeAll(async () => {
  db = await testDatabase();
  session = await db.session();
});
beforeEach(() => {
  said = [];
});
afterAll(() => db.close());

const SMALL = { tasks: 40, workers: 1, slots: 5, hostname: 'test-host', version: '0.0.0-test' };

/** What is there of that name, as a schema or as tables. */
async function left(name: string): Promise<unknown[]> {
  return session.rows(
    `SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?
     UNION ALL
     SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE ?`,
    [name, `${name}%`],
  );
}

function scratchName(text: string): string {
  const name = new RegExp(`${SCRATCH_PREFIX}[0-9a-f]+`).exec(text)?.[0];
  if (name === undefined) throw new Error(`no scratch place is named in: ${text}`);
  return name;
}

/** The account may not create schemas. */
function withoutTheRight(context: Context): Context {
  return {
    ...context,
    async session(wanted) {
      const one = await context.session(wanted);
      const write = one.write.bind(one);
      one.write = async (sql, values) => {
        if (!sql.startsWith('CREATE DATABASE')) return write(sql, values);
        throw new DatabaseError('E_FORBIDDEN', 'Access denied', { errno: 1044, retry: 'final' });
      };
      return one;
    },
  };
}

it('prints the figures of this database, measured in a schema of its own that is gone afterwards', async () => {
  const run = await runCommand(['bench', '--tasks', '40', '--workers', '2', '--json'], {
    cwd: tmpdir(),
    env: { AFD_DATABASE_URL: db.url },
  });
  expect(run.code, run.stderr).toBe(0);
  const result = JSON.parse(run.stdout) as BenchResult;
  expect(result).toMatchObject({ workers: 2, slots: 10, scratch: { kind: 'schema' }, drain: { tasks: 50 } });
  const rates = [result.enqueue_bulk, result.enqueue_single, result.drain].map((one) => one.tasks_per_s);
  for (const figure of [...rates, result.latency.p50_ms]) expect(figure).toBeGreaterThan(0);
  expect(await left(result.scratch.name)).toEqual([]);
});

it('an account that may not create schemas gets tables next to its own, which are removed afterwards', async () => {
  const { stop, say } = { stop: new AbortController().signal, say: (text: string) => said.push(text) };
  const result = await bench(withoutTheRight(testContext(db)), { ...SMALL, stop, say });
  expect(result.scratch).toEqual({ kind: 'tables', name: scratchName(said.join()) });
  expect(result.drain.tasks).toBe(50);
  expect(await left(result.scratch.name)).toEqual([]);
  const [own] = await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task}`);
  expect(own?.n).toBe(0);
});

it('ended before its time it leaves nothing either', async () => {
  for (const tamper of [(context: Context) => context, withoutTheRight]) {
    const stop = new AbortController();
    const say = (text: string) => {
      said.push(text);
      if (text.startsWith('Executing')) stop.abort();
    };
    const measured = bench(tamper(testContext(db)), { ...SMALL, stop: stop.signal, say });
    await expect(measured).rejects.toMatchObject({ code: 'E_TEMPORARY' });
    expect(await left(scratchName(said.at(0)!))).toEqual([]);
    said = [];
  }
});

it('Ctrl-C removes what was made, and the exit code says that nothing was measured', async () => {
  const child = spawnCommand(['bench', '--tasks', '500000'], { cwd: tmpdir(), env: { AFD_DATABASE_URL: db.url } });
  let output = '';
  await new Promise<void>((resolve) => {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('Adding')) resolve();
    });
  });
  process.kill(-child.pid!, 'SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code, output).toBe(75);
  expect(await left(scratchName(output))).toEqual([]);
});
