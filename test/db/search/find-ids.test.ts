// How far a search goes in one answer, and that nothing is lost between two.
import { expect } from 'vitest';
import type { TaskSearch } from '../../../src/core/db/search/task-search.ts';
import { findTaskIds } from '../../../src/core/search/find-ids.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask } from '../../helpers/rows-here.ts';

useDatabase();
const page = (search: TaskSearch, before?: number, limit = 50) =>
  findTaskIds(session, { names }, search, { before, limit }, true);

async function all(search: TaskSearch, limit = 50) {
  const ids: number[] = [];
  for (let before: number | undefined; ; ) {
    const found = await page(search, before, limit);
    ids.push(...found.ids);
    if (found.next === null) return ids;
    before = found.next;
  }
}

it('a search for what is rare ends after a bounded stretch, says so, and goes on to the last task', async () => {
  for (let n = 1; n <= 40; n += 1) await addTask({ id: n * 20_000, username: n === 1 ? 'rare' : 'other' });
  const first = await page({ username: 'rare' });
  expect(first).toMatchObject({ ids: [], cut: true, total: { count: 1, exact: false } });
  // 200,000 ids, less what a stretch passes over between two tasks.
  expect(first.next).toBeGreaterThanOrEqual(400_000);
  expect(await all({ username: 'rare' })).toEqual([20_000]);
  expect(await all({ username: 'other' }, 7)).toHaveLength(39);
});

it('ids that are missing cost nothing, however many, and none at all is over at once', async () => {
  const ids = [9_000_000_000_000, 1_000_000_000_000, 2, 1];
  const found = (count: number) => ({ next: null, cut: false, total: { count, exact: true } });
  for (const search of [{}, { status: ['done' as const] }, { device_id: 'w1' }, { batch_id: 5 }, { dedupe_key: 'k' }])
    expect(await page(search)).toEqual({ ids: [], ...found(0) });
  for (const id of ids) await addTask({ id, username: 'a' });
  expect(await page({ username: 'a' })).toEqual({ ids, ...found(4) });
});

it('each way of reading finds the same tasks in the same order, page by page', async () => {
  const expected: number[] = [];
  for (let n = 0; n < 23; n += 1) {
    const columns = { username: 'u', batch_id: 5, target_device_id: 'w1', status: n % 3 === 0 ? 'failed' : 'assigned' };
    if (n % 5 === 4) await addTask();
    else expected.unshift(await addTask(columns));
  }
  for (const search of [
    { username: 'u' },
    { batch_id: 5 },
    { batch_id: 5, status: ['failed', 'assigned'] },
    { status: ['failed', 'assigned'] },
    { device_id: 'w1' },
    { device_id: 'w1', status: ['failed', 'assigned'], username: 'u' },
  ] as TaskSearch[])
    for (const limit of [1, 4, 100]) expect(await all(search, limit), JSON.stringify(search)).toEqual(expected);
});
