import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSettings } from '../../../src/core/db/queries/read-settings.ts';
import { setIdleTimeout } from '../../../src/core/db/queries/set-idle-timeout.ts';
import { writeSettings } from '../../../src/core/db/queries/write-settings.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';

let db: TestDatabase;
let session: Session;

beforeEach(async () => {
  db = await testDatabase();
  session = await db.session();
});
afterEach(() => db.close());

const write = (values: Record<string, unknown>, existing: 'keep' | 'replace', by = 'anna@host') =>
  writeSettings(session, db.names, new Map(Object.entries(values)), { by, existing });
const read = async () =>
  Object.fromEntries((await readSettings(session, db.names)).map((row) => [row.name, [row.value, row.updated_by]]));

test('what nobody has written is not there', async () => {
  expect(await read()).toEqual({});
});

test('every kind of value comes back as it was written, with who and when', async () => {
  await write(
    { 'master.task_timeout': 1800, 'a.jitter': 0.2, 'load_balancer.strategy': 'weighted', 'a.b': [0, 1.5] },
    'replace',
  );
  expect(await read()).toEqual({
    'a.b': [[0, 1.5], 'anna@host'],
    'a.jitter': [0.2, 'anna@host'],
    'load_balancer.strategy': ['weighted', 'anna@host'],
    'master.task_timeout': [1800, 'anna@host'],
  });
  const [row] = await readSettings(session, db.names);
  expect(row?.updated_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('"replace" is the last writer’s, "keep" leaves what is there and adds what is missing', async () => {
  await write({ a: 1, b: 1 }, 'replace', 'first');
  await write({ b: 2, c: 2 }, 'keep', 'second');
  expect(await read()).toEqual({ a: [1, 'first'], b: [1, 'first'], c: [2, 'second'] });
  await write({ b: 3 }, 'replace', 'third');
  expect(await read()).toMatchObject({ a: [1, 'first'], b: [3, 'third'] });
});

test('writing nothing is no statement, and a long author is cut', async () => {
  await write({}, 'replace');
  await write({ a: 1 }, 'replace', 'x'.repeat(200));
  expect(await read()).toEqual({ a: [1, 'x'.repeat(128)] });
});

test('the idle timeout of an open session is changed, to whole seconds and at least one', async () => {
  const now = async () => (await session.rows('SELECT @@SESSION.wait_timeout AS s'))[0]?.s;
  await setIdleTimeout(session, 2.5);
  expect(await now()).toBe(3);
  await setIdleTimeout(session, 0);
  expect(await now()).toBe(1);
});
