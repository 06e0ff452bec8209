import { readFileSync } from 'node:fs';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectionOptions } from '../../../examples/appsflyer/handlers/af-data.ts';
import syncAccount from '../../../examples/appsflyer/handlers/sync-account.ts';
import { compareRecords, type DataRecord, storedRecords } from '../../../examples/appsflyer/quickstart/comparison.ts';
import { Stub } from '../../../examples/appsflyer/stub/server.ts';
import { expectedRows } from '../../../examples/appsflyer/stub/world.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';

const DAY = '2026-01-05';
const schema = new URL('../../../examples/appsflyer/schema.sql', import.meta.url);

let database: TestDatabase;
let connection: Connection;
let stub: Stub;

beforeAll(async () => {
  database = await testDatabase('examples_account');
  connection = await mysql.createConnection({ ...connectionOptions(database.url), jsonStrings: true });
  await connection.query('DROP TABLE IF EXISTS af_data');
  await connection.query(readFileSync(schema, 'utf8'));
});
afterAll(async () => {
  await connection.end();
  await database.close();
});
beforeEach(async () => {
  const quotas = { aggregate: { calls: 10_000, window_ms: 60_000 } };
  stub = await new Stub({ seed: 8, accounts: 1, apps: [4, 4], rows: 14, quotas }).start();
  vi.stubEnv('APPSFLYER_BASE_URL', stub.url);
  vi.stubEnv('APPSFLYER_TOKENS', JSON.stringify(stub.tokens()));
  vi.stubEnv('AF_DATA_DATABASE_URL', database.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stub.stop();
});

/** One attempt; `killedAfter` = it ends when it has stored that many checkpoints. */
async function attempt(checkpoint: unknown, killedAfter = Number.POSITIVE_INFINITY) {
  const said = { progress: [] as unknown[], metrics: {} as Record<string, number>, checkpoint };
  let stored = 0;
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const ctx = {
    ...{ signal: new AbortController().signal, task_id: 1, attempt: 1, device_id: 'd', log, enqueue() {} },
    progress: (...progress: unknown[]) => void said.progress.push(progress),
    metric: (name: string, value: number) => {
      said.metrics[name] = value;
    },
    async checkpoint(value: unknown) {
      said.checkpoint = JSON.parse(JSON.stringify(value));
      stored += 1;
      if (stored === killedAfter) throw new Error('killed');
    },
  };
  const task_data = { username: stub.world.apps[0]!.account, start_date: DAY };
  const task = { task_id: 1, task_type: 'sync_account', task_data, attempt: 1, checkpoint };
  const result = await syncAccount(task, ctx).catch((error: Error) => error.message);
  return { result, said };
}

describe('sync_account', () => {
  it('goes on with the next app after an attempt that was killed, and asks for no report twice', async () => {
    const first = await attempt(null, 2);
    expect(first.result).toBe('killed');
    const ids = stub.world.apps.map((app) => app.id).sort();
    expect(first.said.progress).toEqual([0, 1].map((n) => [n, 4, ids[n]]));
    const second = await attempt(first.said.checkpoint);
    const rows = expectedRows(stub.world, [DAY]);
    expect(second.result).toEqual({ records_processed: rows.length, apps: 4 });
    expect(second.said.metrics).toEqual({ rows: rows.length });
    expect(second.said.progress).toEqual([
      [2, 4, ids[2]],
      [3, 4, ids[3]],
      [4, 4],
    ]);
    expect(stub.ledger.reports().map((one) => one.times)).toEqual([1, 1, 1, 1]);
    const stored = await storedRecords(connection, 'af_data');
    const comparison = compareRecords(rows as unknown as DataRecord[], stored);
    expect(comparison).toMatchObject({ missing: [], unexpected: [], doubled: [], different: [] });
  });
});
