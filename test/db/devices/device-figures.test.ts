import { expect } from 'vitest';
import { readFigures, recentRates, writeFigures } from '../../../src/core/db/devices/device-figures.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import type { DeviceRow } from '../../helpers/factories.ts';
import { addAttempt, addDevice, deviceRow } from '../../helpers/rows-here.ts';

useDatabase();
let device: DeviceRow;
it.beforeEach(async () => {
  device = await addDevice('a');
});

const ended = (status: string, seconds = 2) => {
  const times = { started_at: '2026-01-01 00:00:00.000', completed_at: `2026-01-01 00:00:0${seconds}.000` };
  return addAttempt({ device, columns: { status, ...times } });
};
const NONE = { success_rate: null, avg_duration_ms: null };

it('D1 the count of a device’s tasks is that of its open attempts, whatever was stored', async () => {
  await session.write(`UPDATE ${names.device} SET current_tasks = 17`);
  await addDevice('idle');
  for (const status of ['assigned', 'running', 'completed']) await ended(status);
  expect(await readFigures(session, names)).toMatchObject([
    { device_id: 'a', open: 2 },
    { device_id: 'idle', open: 0 },
  ]);
});

it('D4 the success rate leaves out what was moved, released or is running, and counts the newest only', async () => {
  expect(await recentRates(session, names, 'a')).toEqual(NONE);
  for (const status of ['failed', 'timeout', 'released', 'cancelled', 'running', 'assigned']) await ended(status);
  await ended('completed', 1);
  await ended('completed', 3);
  expect(await recentRates(session, names, 'a')).toEqual({ success_rate: 0.5, avg_duration_ms: 2000 });
  expect((await recentRates(session, names, 'a', 2)).success_rate).toBe(1);
});

it('A11 an idle healthy device stays online when its figures are overwritten with nothing', async () => {
  const [row] = await readFigures(session, names);
  expect(await writeFigures(session, names, [{ id: row!.id, device_id: 'a', current_tasks: 0, ...NONE }])).toBe(1);
  expect(await deviceRow('a')).toMatchObject({ status: 'online', current_tasks: 0 });
});

it('many devices are written in one statement, and one that is gone is not missed', async () => {
  await addDevice('b');
  const rows = await readFigures(session, names);
  await session.write(`DELETE FROM ${names.device} WHERE device_id = 'b'`);
  const figures = { current_tasks: 1, success_rate: 0.25, avg_duration_ms: 9 };
  const all = rows.map((row) => ({ ...row, ...figures }));
  expect(await writeFigures(session, names, all)).toBe(1);
  expect(await deviceRow('a')).toMatchObject(figures);
  expect(await writeFigures(session, names, [])).toBe(0);
});
