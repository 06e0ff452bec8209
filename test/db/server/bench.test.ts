import { expect } from 'vitest';
import { countEnded } from '../../../src/core/db/attempts/count-ended.ts';
import { createSchema, dropSchema } from '../../../src/core/db/server/scratch-schema.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDevice, addTask } from '../../helpers/rows-here.ts';

useDatabase();

it('a scratch schema is made once, never taken over, and dropped', async () => {
  const name = `${db.address.database}_made`;
  const schemas = () => session.rows('SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?', [name]);
  expect(await createSchema(session, name)).toBe(true);
  try {
    await expect(createSchema(session, name)).rejects.toMatchObject({ errno: 1007 });
  } finally {
    await dropSchema(session, name);
  }
  expect(await schemas()).toEqual([]);
});

it('what has ended is counted by tasks and by attempts, so that a second run shows', async () => {
  const device = await addDevice('w');
  await addTask();
  const task_id = await addTask({ status: 'done', attempt: 2 });
  for (const attempt of [1, 2]) await addAttempt({ device, task_id, columns: { attempt, status: 'completed' } });
  expect(await countEnded(session, names)).toEqual({ unfinished: 1, done: 1, attempts: 2 });
});
