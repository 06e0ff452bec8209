import { expect } from 'vitest';
import { taskAttempts } from '../../src/core/db/logs/logged-attempts.ts';
import { attemptLog, BATCH_PIECES, deviceLog, deviceLogStart } from '../../src/core/db/logs/read-log.ts';
import { type LogPiece, writeLog } from '../../src/core/db/logs/write-log.ts';
import { writtenLog } from '../../src/core/db/logs/written-log.ts';
import { it, names, session, useDatabase } from '../helpers/database-here.ts';
import { addTask } from '../helpers/rows-here.ts';

useDatabase();

const piece = (n: number, more: Partial<LogPiece> = {}): LogPiece => ({
  ...{ task_id: 1, attempt: 1, device_id: 'a', from_byte: n * 10, to_byte: n * 10 + 10, line_count: 1 },
  body: Buffer.from([0, n, 255]),
  ...more,
});
const FIRST = { task_id: 1, attempt: 1 };

it('the run log of an attempt is read in its order, a batch at a time, byte for byte', async () => {
  const all = Array.from({ length: BATCH_PIECES + 3 }, (_, n) => piece(n));
  await writeLog(session, names, [...all.slice(5), piece(0, { attempt: 2 }), piece(0, { task_id: 2 })]);
  await writeLog(session, names, all.slice(0, 5));
  const batch = await attemptLog(session, names, FIRST, 0);
  expect(batch).toMatchObject(all.slice(0, BATCH_PIECES));
  expect(await attemptLog(session, names, FIRST, batch.at(-1)!.to_byte)).toMatchObject(all.slice(BATCH_PIECES));
  expect(await attemptLog(session, names, { task_id: 3, attempt: 1 }, 0)).toEqual([]);
});

it('the run log of an attempt says how far it was written', async () => {
  await writeLog(session, names, [piece(0), piece(1), piece(0, { attempt: 2 })]);
  const found = await writtenLog(session, names, [FIRST, { task_id: 1, attempt: 2 }, { task_id: 9, attempt: 1 }]);
  expect(found.sort((a, b) => a.attempt - b.attempt)).toEqual([
    { ...FIRST, to_byte: 20 },
    { task_id: 1, attempt: 2, to_byte: 10 },
  ]);
});

it('the middle of a run log goes, its beginning and its newest part stay', async () => {
  await writeLog(session, names, [0, 1, 2, 3, 4, 5].map((n) => piece(n)).concat(piece(3, { attempt: 2 })));
  await writeLog(session, names, [piece(6)], [{ ...FIRST, head: 20, tailFrom: 45 }]);
  const left = await attemptLog(session, names, FIRST, 0);
  expect(left.map((one) => one.from_byte)).toEqual([0, 10, 40, 50, 60]);
  expect(await attemptLog(session, names, { task_id: 1, attempt: 2 }, 0)).toHaveLength(1);
});

it('the run logs that are read of a device begin with what was written within the time, and after everything when nothing was', async () => {
  await writeLog(session, names, [piece(0)]);
  await session.write(`UPDATE ${names.log} SET written_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR`);
  await writeLog(session, names, [piece(1)]);
  const within = async (seconds: number) =>
    deviceLog(session, names, 'a', await deviceLogStart(session, names, 'a', seconds));
  expect((await within(600)).map((one) => one.from_byte)).toEqual([10]);
  expect(await within(7200)).toHaveLength(2);
  await session.write(`UPDATE ${names.log} SET written_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR`);
  expect(await within(600)).toEqual([]);
  expect(await deviceLogStart(session, names, 'none', 600)).toBe(0);
});

it('the attempts whose logs are read include one that has no row yet', async () => {
  const id = await addTask({ status: 'running', attempt: 3, claimed_by: 'a', task_type: 't' });
  const { status, attempts } = await taskAttempts(session, names, id, 1);
  expect(status).toBe('running');
  expect(attempts).toEqual([
    {
      ...{ task_id: id, task_type: 't', attempt: 3, device_id: 'a', status: 'running' },
      ...{ cause: null, error_message: null, ended_at: null, ended_ms_ago: null },
    },
  ]);
  expect((await taskAttempts(session, names, id, 4)).attempts).toEqual([]);
  await expect(taskAttempts(session, names, id + 1, 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
});
