import { expect } from 'vitest';
import { setIdleTimeout } from '../../../src/core/db/server/set-idle-timeout.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { readSettings } from '../../../src/core/db/settings/read-settings.ts';
import { writeSettings } from '../../../src/core/db/settings/write-settings.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const write = (values: Record<string, unknown>, existing: 'keep' | 'replace', by = 'anna@host') =>
  writeSettings(session, db.names, new Map(Object.entries(values)), { by, existing });
const read = async () =>
  Object.fromEntries((await readSettings(session, db.names)).map((row) => [row.name, [row.value, row.updated_by]]));

test('what nobody has written is not there', async () => {
  expect(await read()).toEqual({});
});

test('every kind of value comes back as it was written, with who and when', async () => {
  await write(
    {
      'master.task_timeout': 1800,
      'master.retry_backoff.jitter': 0.2,
      'load_balancer.strategy': 'weighted',
      'load_balancer.min_score': [0, 1.5],
    },
    'replace',
  );
  expect(await read()).toEqual({
    'load_balancer.min_score': [[0, 1.5], 'anna@host'],
    'master.retry_backoff.jitter': [0.2, 'anna@host'],
    'load_balancer.strategy': ['weighted', 'anna@host'],
    'master.task_timeout': [1800, 'anna@host'],
  });
  const [row] = await readSettings(session, db.names);
  expect(row?.updated_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('"replace" is the last writer’s, "keep" leaves what is there and adds what is missing', async () => {
  await write({ 'master.heartbeat_timeout': 1, 'master.max_retry_count': 1 }, 'replace', 'first');
  await write({ 'master.max_retry_count': 2, 'master.task_timeout': 2 }, 'keep', 'second');
  expect(await read()).toEqual({
    'master.heartbeat_timeout': [1, 'first'],
    'master.max_retry_count': [1, 'first'],
    'master.task_timeout': [2, 'second'],
  });
  await write({ 'master.max_retry_count': 3 }, 'replace', 'third');
  expect(await read()).toMatchObject({
    'master.heartbeat_timeout': [1, 'first'],
    'master.max_retry_count': [3, 'third'],
  });
});

test('writing nothing is no statement, and a long author is cut', async () => {
  await write({}, 'replace');
  await write({ 'master.heartbeat_timeout': 1 }, 'replace', 'x'.repeat(200));
  expect(await read()).toEqual({ 'master.heartbeat_timeout': [1, 'x'.repeat(128)] });
});

test('the idle timeout of an open session is changed, to whole seconds and at least one', async () => {
  const now = async () => (await session.rows('SELECT @@SESSION.wait_timeout AS s'))[0]?.s;
  await setIdleTimeout(session, 2.5);
  expect(await now()).toBe(3);
  await setIdleTimeout(session, 0);
  expect(await now()).toBe(1);
});

test('finding S8: ten thousand rows and a long value cost a heartbeat nothing: what has no name here is not read', async () => {
  const rows = Array.from({ length: 10_000 }, (_, n) => [`a.${n}`, '1']);
  await session.write(`INSERT INTO ${db.names.setting} (name, value) VALUES ?`, [rows]);
  await write({ 'master.task_timeout': 'x'.repeat(1_000_000), 'master.max_retry_count': 5 }, 'replace');
  const read = await readSettings(session, db.names);
  expect(read.map(({ name }) => name)).toEqual(['master.max_retry_count', 'master.task_timeout']);
  expect(read[0]?.value).toBe(5);
  // Cut, so that it is no JSON any more: its text stands for it, and no key takes it.
  expect(read[1]?.value).toBe(`"${'x'.repeat(255)}`);
});
