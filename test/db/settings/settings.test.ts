import { expect } from 'vitest';
import { setIdleTimeout } from '../../../src/core/db/server/set-idle-timeout.ts';
import { changeSettings } from '../../../src/core/db/settings/change-settings.ts';
import { readSettings } from '../../../src/core/db/settings/read-settings.ts';
import { sharedKey } from '../../../src/core/db/settings/shared-key.ts';
import { writeSettings } from '../../../src/core/db/settings/write-settings.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';

useDatabase();
const write = (values: Record<string, unknown>, existing: 'keep' | 'replace', by = 'anna@host') =>
  writeSettings(session, names, new Map(Object.entries(values)), { by, existing });
const read = async () =>
  Object.fromEntries((await readSettings(session, names)).map((row) => [row.name, [row.value, row.updated_by]]));

it('every kind of value comes back as it was written, with who and when', async () => {
  expect(await read()).toEqual({});
  const values = {
    ...{ 'master.task_timeout': 1800, 'master.retry_backoff.jitter': 0.2 },
    ...{ 'load_balancer.strategy': 'weighted', 'load_balancer.min_score': [0, 1.5] },
  };
  await write(values, 'replace', 'x'.repeat(200));
  const by = 'x'.repeat(128);
  expect(await read()).toEqual(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value, by]])));
  const [row] = await readSettings(session, names);
  expect(row?.updated_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

it('"replace" is the last writer’s, "keep" leaves what is there and adds what is missing', async () => {
  await write({ 'master.heartbeat_timeout': 1, 'master.max_retry_count': 1 }, 'replace', 'first');
  await write({ 'master.max_retry_count': 2, 'master.task_timeout': 2 }, 'keep', 'second');
  await write({}, 'replace');
  const others = { 'master.heartbeat_timeout': [1, 'first'], 'master.task_timeout': [2, 'second'] };
  expect(await read()).toEqual({ ...others, 'master.max_retry_count': [1, 'first'] });
  await write({ 'master.max_retry_count': 3 }, 'replace', 'third');
  expect(await read()).toEqual({ ...others, 'master.max_retry_count': [3, 'third'] });
});

it('the idle timeout of an open session is changed, to whole seconds and at least one', async () => {
  const set = async (seconds: number) => {
    await setIdleTimeout(session, seconds);
    return (await session.rows('SELECT @@SESSION.wait_timeout AS s'))[0]?.s;
  };
  expect([await set(2.5), await set(0)]).toEqual([3, 1]);
});

it('finding S8: ten thousand rows and a long value cost a heartbeat nothing: what has no name here is not read', async () => {
  const rows = Array.from({ length: 10_000 }, (_, n) => [`a.${n}`, '1']);
  await session.write(`INSERT INTO ${names.setting} (name, value) VALUES ?`, [rows]);
  await write({ 'master.task_timeout': 'x'.repeat(1_000_000), 'master.max_retry_count': 5 }, 'replace');
  expect(await readSettings(session, names)).toMatchObject([
    { name: 'master.max_retry_count', value: 5 },
    // Cut, so that it is no JSON any more: its text stands for it, and no key takes it.
    { name: 'master.task_timeout', value: `"${'x'.repeat(255)}` },
  ]);
});

it('settings are changed only when the check of the values of before lets them, and are locked until the write', async () => {
  const change = (value: number, check: (before: ReadonlyMap<string, unknown>) => void = () => {}, on = session) =>
    changeSettings(on, names, ['a', 'b'], { values: new Map([['a', value]]), by: 'me', check });
  expect(await change(1)).toEqual(new Map());
  const refuse = () => {
    throw new Error('no');
  };
  await expect(change(2, refuse)).rejects.toThrow('no');
  const other = await db.session();
  let second: Promise<unknown> | undefined;
  const first = await change(3, () => {
    second = change(4, undefined, other);
  });
  expect([first, await second]).toEqual([new Map([['a', 1]]), new Map([['a', 3]])]);
});

it('signatures have one key, that of the first who asks; another row in its place is refused', async () => {
  const others = await Promise.all([0, 1, 2].map(() => db.session()));
  const keys = await Promise.all(others.map((one, n) => sharedKey(one, names, `${n}`.repeat(64))));
  expect(new Set(keys).size).toBe(1);
  expect(await sharedKey(session, names, 'f'.repeat(64))).toBe(keys[0]);
  await session.write(`UPDATE ${names.setting} SET value = '"short"' WHERE name = 'http.signing_key'`);
  await expect(sharedKey(session, names, 'f'.repeat(64))).rejects.toMatchObject({ code: 'E_CONFLICT' });
});
