import { expect } from 'vitest';
import { countEnded } from '../../../src/core/db/attempts/count-ended.ts';
import { ignoresReadOnly, isAboveReadOnly } from '../../../src/core/db/server/replication-settings.ts';
import { createSchema, dropSchema } from '../../../src/core/db/server/scratch-schema.ts';
import { db, names, session, useDatabase } from '../../helpers/database-here.ts';
import { it } from '../../helpers/fixture.ts';
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

it.for([
  ['GRANT ALL PRIVILEGES ON *.* TO `afd`@`%` WITH GRANT OPTION', true],
  ['GRANT SELECT, READ_ONLY ADMIN, RELOAD ON *.* TO `afd`@`%`', true],
  ['GRANT BACKUP_ADMIN,CONNECTION_ADMIN ON *.* TO `root`@`localhost`', true],
  ['GRANT ALL PRIVILEGES ON `afd`.* TO `afd`@`%`', false],
  ['GRANT SELECT, SUPERVISE ON *.* TO `afd`@`%`', false],
] as const)('%s: read_only does not stop it: %s', ([grant, expected]) => {
  expect(isAboveReadOnly(grant)).toBe(expected);
});

it('the account is asked for its own rights', async ({ given: { session } }) => {
  const grants = await session.rows('SHOW GRANTS');
  const expected = grants.some((row) => isAboveReadOnly(String(Object.values(row)[0])));
  expect(await ignoresReadOnly(session)).toBe(expected);
});
