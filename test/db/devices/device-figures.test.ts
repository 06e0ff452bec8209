import { expect } from 'vitest';
import { readFigures, recentRates, writeFigures } from '../../../src/core/db/devices/device-figures.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { type DeviceRow, insertAttempt, insertDevice, readDevice } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let device: DeviceRow;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  device = await insertDevice(session, db.names, { device_id: 'a' });
});

const ended = (status: string, seconds?: number) =>
  insertAttempt(session, db.names, {
    device,
    columns: {
      status,
      ...(seconds === undefined
        ? {}
        : { started_at: '2026-01-01 00:00:00.000', completed_at: `2026-01-01 00:00:0${seconds}.000` }),
    },
  });

test('D1 the count of a device’s tasks is that of its open attempts, whatever was stored', async () => {
  await session.write(`UPDATE ${db.names.device} SET current_tasks = 17`);
  await insertDevice(session, db.names, { device_id: 'idle' });
  await ended('assigned');
  await ended('running');
  await ended('completed');
  expect((await readFigures(session, db.names)).map((row) => [row.device_id, row.open])).toEqual([
    ['a', 2],
    ['idle', 0],
  ]);
});

test('D4 the success rate leaves out what was moved, released or is running', async () => {
  await ended('completed', 1);
  await ended('completed', 3);
  await ended('failed');
  await ended('timeout');
  for (const status of ['released', 'cancelled', 'running', 'assigned']) await ended(status);
  expect(await recentRates(session, db.names, 'a')).toEqual({ success_rate: 0.5, avg_duration_ms: 2000 });
});

test('the rates count the newest attempts only', async () => {
  for (let n = 0; n < 4; n += 1) await ended('failed');
  for (let n = 0; n < 4; n += 1) await ended('completed', 2);
  expect((await recentRates(session, db.names, 'a', 4)).success_rate).toBe(1);
});

test('a device without history has no rates', async () => {
  expect(await recentRates(session, db.names, 'a')).toEqual({ success_rate: null, avg_duration_ms: null });
});

test('A11 an idle healthy device stays online when its figures are overwritten with nothing', async () => {
  const [row] = await readFigures(session, db.names);
  const figures = { id: row?.id ?? 0, device_id: 'a', current_tasks: 0, success_rate: null, avg_duration_ms: null };
  expect(await writeFigures(session, db.names, [figures])).toBe(1);
  expect(await readDevice(session, db.names, 'a')).toMatchObject({ status: 'online', current_tasks: 0 });
});

test('many devices are written in one statement, and one that is gone is not missed', async () => {
  const other = await insertDevice(session, db.names, { device_id: 'b' });
  const rows = await readFigures(session, db.names);
  await session.write(`DELETE FROM ${db.names.device} WHERE device_id = ?`, [other.device_id]);
  const figures = rows.map((row, n) => ({ ...row, current_tasks: n + 1, success_rate: 0.25, avg_duration_ms: 9 }));
  expect(await writeFigures(session, db.names, figures)).toBe(1);
  expect(await readDevice(session, db.names, 'a')).toMatchObject({
    current_tasks: 1,
    success_rate: 0.25,
    avg_duration_ms: 9,
  });
  expect(await writeFigures(session, db.names, [])).toBe(0);
});
