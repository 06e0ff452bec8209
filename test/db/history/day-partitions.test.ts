import { afterEach, expect } from 'vitest';
import { dayPartitions, HEARTBEATS, repartition } from '../../../src/core/db/history/day-partitions.ts';
import { planPartitions } from '../../../src/core/domain/day-partitions.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';

useDatabase();
const onePartition = () =>
  session.write(
    `ALTER TABLE ${names.heartbeat} PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
  );
// A leader that ran in this schema before has cut days off.
it.beforeEach(onePartition);
afterEach(onePartition);

const list = async () => (await dayPartitions(session, names, HEARTBEATS)).partitions;
const apply = (plan: ReturnType<typeof planPartitions>) => repartition(session, names, HEARTBEATS, plan);

it('days are cut off the open end, rows and all, and dropped whole when they are old; twice is refused', async () => {
  const { partitions, today } = await dayPartitions(session, names, HEARTBEATS);
  expect(partitions).toEqual(['p_future']);
  expect(today).toMatch(/^\d{4}-\d\d-\d\d$/);
  await session.write(
    `INSERT INTO ${names.heartbeat} (device_id, heartbeat_time) VALUES ('a', '2026-11-10 23:59:59.999'), ('a', '2026-11-12 12:00')`,
  );
  const first = planPartitions(['p_future'], '2026-11-10', 1);
  await apply(first);
  await expect(apply(first)).rejects.toThrow();
  expect(await list()).toEqual(['p20261110', 'p20261111', 'p20261112', 'p_future']);
  const plan = planPartitions(await list(), '2026-11-12', 1);
  expect(plan.drop).toEqual(['p20261110']);
  await apply(plan);
  expect(await list()).toEqual(['p20261111', 'p20261112', 'p20261113', 'p20261114', 'p_future']);
  const rows = await session.rows(`SELECT heartbeat_time FROM ${names.heartbeat}`);
  expect(rows).toEqual([{ heartbeat_time: '2026-11-12 12:00:00.000' }]);
});

it('a table that somebody reads is given up after a second, and nothing has changed', async () => {
  const reader = await db.session();
  await reader.write('START TRANSACTION');
  await reader.rows(`SELECT * FROM ${names.heartbeat}`);
  const plan = planPartitions(['p_future'], '2026-11-10', 1);
  await expect(apply(plan)).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  await reader.write('ROLLBACK');
  expect(await list()).toEqual(['p_future']);
});
