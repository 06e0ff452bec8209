import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectionOptions } from '../../../examples/appsflyer/handlers/af-data.ts';
import syncAccount from '../../../examples/appsflyer/handlers/sync-account.ts';
import syncData from '../../../examples/appsflyer/handlers/sync-data.ts';
import { compareRecords, type DataRecord, storedRecords } from '../../../examples/appsflyer/quickstart/comparison.ts';
import { pythonWithMysql } from '../../../examples/appsflyer/quickstart/python.ts';
import type { FaultPlan } from '../../../examples/appsflyer/stub/faults.ts';
import { Stub, type StubOptions } from '../../../examples/appsflyer/stub/server.ts';
import { expectedRows } from '../../../examples/appsflyer/stub/world.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { skipBecause } from '../../helpers/skip.ts';

const days = ['2026-01-05', '2026-01-06', '2026-01-07'];
const schema = new URL('../../../examples/appsflyer/schema.sql', import.meta.url);
const program = new URL('../../../examples/python/sync_data.py', import.meta.url).pathname;
const unlimited = { aggregate: { calls: 10_000, window_ms: 60_000 } };
const python = pythonWithMysql();

let database: TestDatabase;
let connection: Connection;
let stub: Stub;
let folder: string;

beforeAll(async () => {
  database = await testDatabase('examples');
  connection = await mysql.createConnection({ ...connectionOptions(database.url), jsonStrings: true });
  await connection.query('DROP TABLE IF EXISTS af_data');
  await connection.query(readFileSync(schema, 'utf8'));
  folder = mkdtempSync(join(tmpdir(), 'afd-example-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await connection.end();
  await database.close();
});
beforeEach(async () => {
  await connection.query('DELETE FROM af_data');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stub.stop();
});

async function start(options: StubOptions = {}): Promise<void> {
  stub = await new Stub({ seed: 8, accounts: 2, apps: [2, 3], rows: 14, quotas: unlimited, ...options }).start();
  for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
}

function environment(): Record<string, string> {
  return {
    APPSFLYER_BASE_URL: stub.url,
    APPSFLYER_TOKENS: JSON.stringify(stub.tokens()),
    AF_DATA_DATABASE_URL: database.url,
    APPSFLYER_TIMEOUT: '10',
  };
}

type Payload = Record<string, unknown>;
interface Answer {
  status: 'done' | 'later' | 'permanent' | 'retry';
  after?: number | undefined;
  result?: unknown;
}
type Run = (data: Payload, task_id?: number) => Promise<Answer>;

const log = { debug() {}, info() {}, warn() {}, error() {} };
const CONTEXT = { task_id: 1, attempt: 2, device_id: 'd', log, enqueue() {}, progress() {}, metric() {} };
const contextOf = (more: object) => ({
  ...{ ...CONTEXT, signal: new AbortController().signal, async checkpoint() {} },
  ...more,
});

const asModule: Run = async (task_data, task_id = 1) => {
  const task = { task_id, task_type: 'sync_data', task_data, attempt: 2, checkpoint: null };
  try {
    return { status: 'done', result: await syncData(task, contextOf({ task_id })) };
  } catch (error) {
    const { outcome = 'retry', after } = error as { outcome?: Answer['status']; after?: number };
    return { status: outcome, after };
  }
};

const asProgram: Run = async (task_data, task_id = 1) => {
  const file = join(folder, `result-${task_id}-${Math.random()}`);
  const env = { PATH: process.env.PATH, ...environment(), AFD_RESULT_FILE: file };
  const child = spawn(python!, [program], { env, stdio: ['pipe', 'inherit', 'pipe'] });
  child.stdin.end(JSON.stringify({ task_id, task_type: 'sync_data', task_data, attempt: 2 }));
  child.stderr.resume();
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const status = ({ 0: 'done', 75: 'later', 65: 'permanent' } as const)[String(code) as '0'] ?? 'retry';
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const result = text === '' ? {} : (JSON.parse(text) as Payload);
  return status === 'done' ? { status, result } : { status, after: result.after as number | undefined };
};

const payload = ({ account, id }: { account: string; id: string }, start_date: string, end_date = start_date) => ({
  ...{ username: account, app_id: id, start_date, end_date },
});

const compare = async (wanted = days) =>
  compareRecords(
    expectedRows(stub.world, wanted) as unknown as DataRecord[],
    await storedRecords(connection, 'af_data'),
  );

const ways = [
  { name: 'the module', run: asModule, usable: true },
  { name: 'the Python program', run: asProgram, usable: python !== undefined },
];

describe.each(ways.filter(({ usable }) => usable))('sync_data, $name', ({ run }) => {
  it('stores exactly the figures that were served, and the same rows when it runs again', async () => {
    await start();
    const calls = stub.world.apps.flatMap((app) => days.map((day) => payload(app, day)));
    const crawl = () => Promise.all(calls.map((data, index) => run(data, index + 1)));
    const answers = await crawl();
    expect(answers.every(({ status }) => status === 'done')).toBe(true);
    const comparison = await compare();
    expect(comparison).toMatchObject({ missing: [], unexpected: [], doubled: [], different: [] });
    expect(comparison.rows_stored).toBeGreaterThan(20);
    await crawl();
    expect(await compare()).toEqual(comparison);
  });

  it('replaces the day: rows that the report no longer has go, other days and apps stay', async () => {
    await start();
    const [app, other] = stub.world.apps;
    const busy = days.find((day) => stub.world.rows(app!, day, 'partners_by_date_report').length > 0)!;
    for (const one of [app!, other!]) await run(payload(one, days[0]!, days[2]));
    const ghost = `INSERT INTO af_data (account, app_id, date, report, media_source, campaign, synced_at) VALUES (?)`;
    const values = [app!.account, app!.id, busy, 'partners_by_date_report', 'Ghost', 'gone', '2026-01-01'];
    await connection.query(ghost, [values]);
    await connection.query('UPDATE af_data SET installs = installs + 1 WHERE app_id = ? AND date = ?', [app!.id, busy]);
    const answer = await run(payload(app!, busy));
    expect(answer.result).toMatchObject({ records_deleted: 1 });
    const mine = [app!.id, other!.id];
    const { missing, different, unexpected } = await compare();
    expect({ different, unexpected }).toEqual({ different: [], unexpected: [] });
    expect(missing.filter((key) => mine.some((id) => key.includes(id)))).toEqual([]);
  });

  it('takes several days in one call, says how many rows it stored, and writes who did', async () => {
    await start();
    const app = stub.world.apps[1]!;
    const answer = await run(payload(app, days[0]!, days[2]), 77);
    const { length } = days.flatMap((day) => stub.world.rows(app, day, 'partners_by_date_report'));
    expect(answer).toEqual({ status: 'done', result: { records_processed: length, records_deleted: 0 } });
    const [rows] = await connection.query('SELECT DISTINCT task_id, attempt FROM af_data');
    expect(rows).toEqual([{ task_id: 77, attempt: 2 }]);
  });

  it.each([
    ['later until midnight when the quota of the day is used up', quotaOfTheDay, 'later', 1800],
    ['later in a minute when its quota is used up', () => ({ status: 403, body: 'Limit reached for x' }), 'later', 60],
    ['retry after the given time on 429', () => ({ status: 429, body: 'slow down', retry_after: 9 }), 'retry', 9],
    ['retry on 500', () => ({ status: 500, body: 'oops' }), 'retry', undefined],
    ['retry when the report breaks off', () => ({ cut: true }), 'retry', undefined],
    ['retry on a web page', () => ({ page: '<html></html>' }), 'retry', undefined],
    ['permanent on other complaints', () => ({ status: 400, body: 'Invalid limit type' }), 'permanent', undefined],
    ['permanent on 401', () => ({ status: 401, body: 'Account may be suspended' }), 'permanent', undefined],
  ] as [string, FaultPlan, string, number | undefined][])(
    'says %s, and stores nothing',
    async (_name, plan, status, after) => {
      await start({ plan, now: () => Date.parse('2026-01-08T23:30:00Z') });
      expect(await run(payload(stub.world.apps[0]!, days[0]!))).toEqual({ status, after });
      expect(await storedRecords(connection, 'af_data')).toEqual([]);
    },
  );

  it('says permanent for unknown apps, accounts without a token, and tasks that make no sense', async () => {
    await start();
    const app = stub.world.apps[0]!;
    const good = payload(app, days[0]!);
    const bad: Payload[] = [
      { ...good, app_id: 'com.example.nobody' },
      { ...good, username: 'account-9@example.com' },
      { ...good, start_date: '2026-02-30' },
      { ...good, report: 'partners_report' },
    ];
    for (const data of bad) expect(await run(data)).toMatchObject({ status: 'permanent' });
  });
});

for (const { name } of ways.filter(({ usable }) => !usable)) {
  const why = 'PyMySQL is not installed (apt-get install python3-pymysql)';
  // It stands for the tests of this way, which the module passes all the same.
  it(`sync_data, ${name}`, skipBecause(why, 'pymysql'), () => expect(python).toBeDefined());
}

it('sync_data as a module leaves nothing behind when it is aborted in the middle', async () => {
  const abort = new AbortController();
  await start({
    plan: () => {
      abort.abort(new Error('revoked'));
      return { slow_ms: 5000 };
    },
  });
  const task_data = payload(stub.world.apps[0]!, days[0]!);
  const task = { task_id: 1, task_type: 'sync_data', task_data, attempt: 1, checkpoint: null };
  await expect(syncData(task, contextOf({ signal: abort.signal }))).rejects.toThrow('revoked');
  expect(await storedRecords(connection, 'af_data')).toEqual([]);
});

it('sync_account goes on with the next app after an attempt that was killed, and asks for no report twice', async () => {
  await start({ accounts: 1, apps: [4, 4] });
  const said = { progress: [] as unknown[], metrics: {} as Record<string, number>, checkpoint: null as unknown };
  let stored = 0;
  const attempt = () => {
    const ctx = contextOf({
      progress: (...progress: unknown[]) => void said.progress.push(progress),
      metric: (name: string, value: number) => Object.assign(said.metrics, { [name]: value }),
      async checkpoint(value: unknown) {
        said.checkpoint = structuredClone(value);
        stored += 1;
        if (stored === 2) throw new Error('killed');
      },
    });
    const task_data = { username: stub.world.apps[0]!.account, start_date: days[0] };
    const task = { task_id: 1, task_type: 'sync_account', task_data, attempt: 1, checkpoint: said.checkpoint };
    return syncAccount(task, ctx);
  };
  await expect(attempt()).rejects.toThrow('killed');
  const rows = expectedRows(stub.world, [days[0]!]);
  expect(await attempt()).toEqual({ records_processed: rows.length, apps: 4 });
  expect(said.metrics).toEqual({ rows: rows.length });
  const ids = stub.world.apps.map((app) => app.id).sort();
  expect(said.progress).toEqual([...ids.map((id, n) => [n, 4, id]), [4, 4]]);
  expect(stub.ledger.reports().map((one) => one.times)).toEqual([1, 1, 1, 1]);
  expect(await compare([days[0]!])).toMatchObject({ missing: [], unexpected: [], doubled: [], different: [] });
});

function quotaOfTheDay() {
  return { status: 400, body: 'Your API calls limit has been reached for report type x' };
}
