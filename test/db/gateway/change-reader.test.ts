// What the reader of a gateway tells of rows, round by round.
import { expect } from 'vitest';
import { writeSettings } from '../../../src/core/db/settings/write-settings.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { ChangeReader, MOST_TOLD } from '../../../src/core/gateway/changes/change-reader.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { insertLeader } from '../../helpers/factories.ts';
import { addDevice, addRunning, addTask, setTask } from '../../helpers/rows-here.ts';

useDatabase();

/** A reader that has read what there is; each call reads what has changed since. */
async function begin() {
  const reader = new ChangeReader(names);
  let now = 0;
  const changes = async () => {
    now += 1000;
    return (await reader.round(session, now)).changes;
  };
  await changes();
  return changes;
}

it('a round tells of a task that it was added, that its attempt began, and how it ended', async () => {
  const waiting = await addTask();
  const changes = await begin();
  const { task_id, assignment_id } = await addRunning('w1');
  const of = { task_id: String(task_id), task_type: 'sync_data' };
  expect(await changes()).toMatchObject([
    { type: 'task.created', ...of, parent_id: null },
    { type: 'task.started', ...of, attempt: 1, device_id: 'w1' },
  ]);
  await session.write(
    `UPDATE ${names.assignment} SET status = 'failed', completed_at = UTC_TIMESTAMP(3), error_message = ? WHERE id = ?`,
    ['x'.repeat(900), assignment_id],
  );
  await setTask(task_id, { status: 'failed' });
  expect(await changes()).toMatchObject([
    {
      ...{ type: 'task.ended', ...of, attempt: 1, device_id: 'w1', attempt_status: 'failed', task_status: 'failed' },
      ...{ error_message: 'x'.repeat(500), ended_at: expect.stringMatching(/^\d{4}-.*Z$/) },
    },
  ]);
  // No attempt shows it.
  await cancelTask(session, names, waiting);
  const ended = { type: 'task.ended', task_id: String(waiting), task_status: 'cancelled', cause: 'operator' };
  expect(await changes()).toMatchObject([{ ...ended, attempt: null, device_id: null }]);
});

it('a round tells of a batch that ended, once, and not of one that ended before', async () => {
  const ended = (name: string, at = 'UTC_TIMESTAMP(3)') =>
    session.write(
      `INSERT INTO ${names.batch} (name, created_at, created_by, sealed_at, ended_at)
       VALUES ('${name}', UTC_TIMESTAMP(3), 'ada', UTC_TIMESTAMP(3), ${at})`,
    );
  await ended('before');
  const changes = await begin();
  await ended('one');
  await ended('open', 'NULL');
  await ended('its transaction took a while', 'UTC_TIMESTAMP(3) - INTERVAL 5 SECOND');
  const told = (await changes()).map((one) => one.type === 'batch.ended' && one.name);
  expect(told.sort()).toEqual(['its transaction took a while', 'one']);
  expect(await changes()).toEqual([]);
});

it('a round tells of devices, the leader and the settings when they change, and not what they are at the start', async () => {
  await addDevice('w1');
  await insertLeader(session, names, 'm1', 4);
  const changes = await begin();
  await session.write(`UPDATE ${names.device} SET operator_state = 'paused'`);
  await addDevice('w2');
  await session.write(`UPDATE ${names.leader} SET holder = 'm2', term = 5`);
  await writeSettings(session, names, new Map([['master.task_timeout', 77]]), { by: 'test', existing: 'replace' });
  expect(await changes()).toMatchObject([
    { type: 'device.status', device_id: 'w1', status: 'online', operator_state: 'paused' },
    { type: 'device.status', device_id: 'w2' },
    { type: 'leader.changed', device_id: 'm2', term: 5 },
    { type: 'setting.changed', name: 'master.task_timeout', value: 77 },
  ]);
  await session.write(`DELETE FROM ${names.device} WHERE device_id = 'w1'`);
  expect(await changes()).toMatchObject([{ type: 'device.status', device_id: 'w1', status: null }]);
});

it('a round tells of a task whose transaction commits after that of a higher id, once', async () => {
  const changes = await begin();
  const slow = await db.session();
  await slow.write('START TRANSACTION');
  const { insertId: low } = await slow.write(`INSERT INTO ${names.task} (task_type) VALUES ('slow')`);
  const high = await addTask();
  expect(await changes()).toMatchObject([{ task_id: String(high) }]);
  await slow.write('COMMIT');
  expect(await changes()).toMatchObject([{ task_id: String(low) }]);
  expect(await changes()).toEqual([]);
});

it('a round tells the first of many, and of the others how many they are if somebody has read that', async () => {
  const changes = await begin();
  const insert = (n: number) =>
    session.write(`INSERT INTO ${names.task} (task_type) VALUES ${Array(n).fill("('many')").join(', ')}`);
  await insert(MOST_TOLD + 50);
  const counted = await changes();
  expect(counted.slice(0, -1).map(({ type }) => type)).toEqual(Array(MOST_TOLD).fill('task.created'));
  expect(counted.at(-1)).toEqual({ type: 'overflow', of: 'task.created', count: 50 });
  await insert(1500);
  expect((await changes()).at(-1)).toEqual({ type: 'overflow', of: 'task.created', count: null });
  const { insertId } = await insert(1);
  expect(await changes()).toMatchObject([{ type: 'task.created', task_id: String(insertId) }]);
});
