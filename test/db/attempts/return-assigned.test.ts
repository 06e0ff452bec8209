import { expect } from 'vitest';
import { returnAssigned, strandedTasks } from '../../../src/core/db/attempts/return-assigned.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice, insertTask, readTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertDevice(session, db.names, { device_id: 'fine' });
  await insertDevice(session, db.names, { device_id: 'off', columns: { status: 'offline' } });
  await insertDevice(session, db.names, { device_id: 'paused', columns: { operator_state: 'paused' } });
});

const directed = (target: string, columns: Record<string, unknown> = {}) =>
  insertTask(session, db.names, { status: 'assigned', target_device_id: target, ...columns });
const stranded = () => strandedTasks(session, db.names, { after: 0, limit: 100 });
const giveBack = async (id: number) => {
  await session.write('START TRANSACTION');
  const done = await returnAssigned(session, db.names, id);
  await session.write('COMMIT');
  return done;
};

test('stranded are the directed tasks whose device is offline, not active, gone, or out of time', async () => {
  const expected = [
    await directed('off'),
    await directed('paused'),
    await directed('removed'),
    await directed('fine', { target_until: '2020-01-01 00:00:00' }),
  ];
  await directed('fine');
  await directed('fine', { target_until: '2099-01-01 00:00:00' });
  await directed('off', { status: 'running' });
  expect(await stranded()).toEqual(expected);
});

test('a returned task is pending and everybody’s, due when it was', async () => {
  const id = await directed('off', { next_run_at: '2020-01-01 00:00:00', target_until: '2099-01-01 00:00:00' });
  expect(await giveBack(id)).toBe(true);
  expect(await readTask(session, db.names, id)).toMatchObject({
    status: 'pending',
    target_device_id: null,
    target_until: null,
    next_run_at: '2020-01-01 00:00:00.000',
  });
  expect(await giveBack(id)).toBe(false);
});

test.each([
  ['is offline', 'off', {}],
  ['is not active', 'paused', {}],
  ['was removed', 'removed', {}],
  ['had the task for as long as it was meant to', 'fine', { target_until: '2020-01-01 00:00:00' }],
])('a task whose device %s goes to everybody', async (_, target, columns) => {
  const id = await directed(target, columns);
  expect(await giveBack(id)).toBe(true);
  expect(await readTask(session, db.names, id)).toMatchObject({ status: 'pending', target_device_id: null });
});

test('a task waits for a device that may take it, until its time is over', async () => {
  const id = await directed('fine', { target_until: '2099-01-01 00:00:00' });
  expect(await giveBack(id)).toBe(false);
  expect(await readTask(session, db.names, id)).toMatchObject({ status: 'assigned', target_device_id: 'fine' });
});

test('a device that is back keeps its task', async () => {
  const id = await directed('off');
  await session.write(`UPDATE ${db.names.device} SET status = 'online' WHERE device_id = 'off'`);
  expect(await giveBack(id)).toBe(false);
  expect((await readTask(session, db.names, id))?.status).toBe('assigned');
});

test('a task that its device is just claiming is left alone', async () => {
  const id = await directed('off');
  const other = await db.session();
  await other.write('START TRANSACTION');
  await other.write(`UPDATE ${db.names.task} SET status = 'running', target_device_id = NULL WHERE id = ?`, [id]);
  expect(await giveBack(id)).toBe(false);
  await other.write('COMMIT');
  expect(await giveBack(id)).toBe(false);
  expect((await readTask(session, db.names, id))?.status).toBe('running');
});
