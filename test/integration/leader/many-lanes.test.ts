// More lanes and ranks than one skip scan reads, as tasks have whose requirements name an account.
import { afterEach, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { LaneCatalog } from '../../../src/core/worker/claim/lane-catalog.ts';
import { Poller } from '../../../src/core/worker/claim/poller.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { test } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

const LANES = 1140;
const CAPABILITIES = { n: LANES };
let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  const rows = Array.from({ length: LANES }, (_, n) => ['t', JSON.stringify({ n: n + 1 }), '2099-01-01 00:00:00']);
  await session.write(`INSERT INTO ${db.names.task} (task_type, required_capabilities, next_run_at) VALUES ?`, [rows]);
  for (const order of ['ASC', 'DESC']) {
    await session.write(`UPDATE ${db.names.task} SET next_run_at = '2020-01-01' ORDER BY lane ${order} LIMIT 40`);
  }
});
afterEach(stopWorkers);

test('finding F5: 1,140 lanes, 40 due ones before and 40 behind those that are due later: every due task is done', async () => {
  startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 }, worker: { capabilities: CAPABILITIES } });
  const done = `SELECT id FROM ${db.names.task} WHERE status = 'done'`;
  await until(async () => (await session.rows(done)).length === 80, 100_000, 'all 80 due tasks done');
}, 120_000);

test('finding F5: without a leader the second scan goes on where the first was cut', async () => {
  const catalog = new LaneCatalog('w1', { supported_tasks: ['t'], ...CAPABILITIES });
  const poller = new Poller({ session, names: db.names, catalog, deviceId: 'w1', pollIntervalMs: 1000 });
  for (const known of [1000, LANES, LANES]) {
    poller.discoverNow();
    await poller.poll();
    const lanes = catalog.sources(LANES * 2, { free: 1 }).map((one) => one.kind === 'lane' && one.lane.toString('hex'));
    expect(new Set(lanes).size).toBe(known);
  }
});
