import { afterEach, expect } from 'vitest';
import { dayPartitions, HEARTBEATS, repartition } from '../../../src/core/db/history/day-partitions.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { planPartitions } from '../../../src/core/domain/day-partitions.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

const onePartition = () =>
  session.write(
    `ALTER TABLE ${db.names.heartbeat} PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
  );

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  // A leader that ran in this schema before has cut days off.
  await onePartition();
});
afterEach(onePartition);

const list = async () => (await dayPartitions(session, db.names, HEARTBEATS)).partitions;

test('days are cut off the open end, rows and all, and dropped whole when they are old', async () => {
  const { partitions, today } = await dayPartitions(session, db.names, HEARTBEATS);
  expect(partitions).toEqual(['p_future']);
  expect(today).toMatch(/^\d{4}-\d\d-\d\d$/);
  const insert = (time: string) =>
    session.write(`INSERT INTO ${db.names.heartbeat} (device_id, heartbeat_time) VALUES ('a', ?)`, [time]);
  await insert('2026-11-10 23:59:59.999');
  await insert('2026-11-12 12:00:00.000');
  await repartition(session, db.names, HEARTBEATS, planPartitions(['p_future'], '2026-11-10', 1));
  expect(await list()).toEqual(['p20261110', 'p20261111', 'p20261112', 'p_future']);
  const plan = planPartitions(await list(), '2026-11-12', 1);
  expect(plan.drop).toEqual(['p20261110']);
  await repartition(session, db.names, HEARTBEATS, plan);
  expect(await list()).toEqual(['p20261111', 'p20261112', 'p20261113', 'p20261114', 'p_future']);
  const rows = await session.rows(`SELECT heartbeat_time FROM ${db.names.heartbeat}`);
  expect(rows).toEqual([{ heartbeat_time: '2026-11-12 12:00:00.000' }]);
  await insert('2099-01-01 00:00:00');
});

test('the same days twice are refused without harm', async () => {
  const plan = planPartitions(['p_future'], '2026-11-10', 1);
  await repartition(session, db.names, HEARTBEATS, plan);
  await expect(repartition(session, db.names, HEARTBEATS, plan)).rejects.toThrow();
  expect(await list()).toEqual(['p20261110', 'p20261111', 'p20261112', 'p_future']);
});

test('a table that somebody reads is given up after a second, and nothing has changed', async () => {
  const reader = await db.session();
  await reader.write('START TRANSACTION');
  await reader.rows(`SELECT * FROM ${db.names.heartbeat}`);
  const plan = planPartitions(['p_future'], '2026-11-10', 1);
  await expect(repartition(session, db.names, HEARTBEATS, plan)).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  await reader.write('ROLLBACK');
  expect(await list()).toEqual(['p_future']);
});
