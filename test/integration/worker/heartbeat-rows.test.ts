import { afterEach, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { once } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

it('G5 a device writes one row of history per heartbeat, also while it works and leads, and a small one', async () => {
  const interval = 0.4;
  const worker = startWorker(db, {
    deviceId: 'w1',
    handlers: { t: () => 1 },
    worker: { leader: true, heartbeat_interval: interval },
  });
  await once(worker.events, 'leader:gained');
  for (let n = 0; n < 5; n += 1) {
    await insertTask(session, db.names, { task_type: 't' });
    await once(worker.events, 'device:heartbeat');
  }
  await worker.stop();
  const said = worker.seen.filter((one) => one.name === 'device:heartbeat').length;
  const rows = await session.rows(
    `SELECT TIMESTAMPDIFF(MICROSECOND, LAG(heartbeat_time) OVER (ORDER BY id), heartbeat_time) / 1e6 AS gap,
       LENGTH(COALESCE(system_info, '')) AS bytes FROM ${db.names.heartbeat} WHERE device_id = 'w1' ORDER BY id`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(4);
  // The first heartbeat is the registration itself.
  expect(rows.length).toBeLessThanOrEqual(said + 1);
  const gaps = rows.slice(1).map((row) => Number(row.gap));
  expect(Math.min(...gaps)).toBeGreaterThan(interval / 2);
  expect(Math.max(...rows.map((row) => Number(row.bytes)))).toBeLessThan(1024);
});
