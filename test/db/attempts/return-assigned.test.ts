import { expect } from 'vitest';
import { returnAssigned, strandedTasks } from '../../../src/core/db/attempts/return-assigned.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, addTask, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
it.beforeEach(async () => {
  await addDevice('fine');
  await addDevice('off', { columns: { status: 'offline' } });
  await addDevice('paused', { columns: { operator_state: 'paused' } });
});

const directed = (target: string, columns: Record<string, unknown> = {}) =>
  addTask({ status: 'assigned', target_device_id: target, ...columns });
const stranded = () => strandedTasks(session, names, { after: 0, limit: 100 });
const giveBack = (id: number) => transaction(session, () => returnAssigned(session, names, id));

it.each([
  ['is offline', 'off', {}],
  ['is not active', 'paused', {}],
  ['was removed', 'removed', {}],
  ['had the task for as long as it was meant to', 'fine', { target_until: '2020-01-01 00:00:00' }],
])('a task whose device %s is stranded and goes to everybody, due when it was', async (_, target, columns) => {
  const next_run_at = '2020-01-01 00:00:00.000';
  const id = await directed(target, { next_run_at, ...columns });
  expect(await stranded()).toEqual([id]);
  expect(await giveBack(id)).toBe(true);
  const everybodys = { status: 'pending', target_device_id: null, target_until: null, next_run_at };
  expect(await taskRow(id)).toMatchObject(everybodys);
  expect(await giveBack(id)).toBe(false);
});

it('a task waits for a device that may take it, until its time is over, and for one that is back', async () => {
  const waiting = [await directed('fine'), await directed('fine', { target_until: '2099-01-01 00:00:00' })];
  await directed('off', { status: 'running' });
  expect(await stranded()).toEqual([]);
  const back = await directed('off');
  await session.write(`UPDATE ${names.device} SET status = 'online' WHERE device_id = 'off'`);
  for (const id of [...waiting, back]) {
    expect(await giveBack(id)).toBe(false);
    expect((await taskRow(id)).status).toBe('assigned');
  }
});

it('a task that its device is just claiming is left alone', async () => {
  const id = await directed('off');
  const other = await db.session();
  await other.write('START TRANSACTION');
  await other.write(`UPDATE ${names.task} SET status = 'running', target_device_id = NULL WHERE id = ?`, [id]);
  expect(await giveBack(id)).toBe(false);
  await other.write('COMMIT');
  expect(await giveBack(id)).toBe(false);
});
