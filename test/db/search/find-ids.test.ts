// How far a search goes in one answer, and that nothing is lost between two.
import { expect } from 'vitest';
import type { TaskSearch } from '../../../src/core/db/search/task-search.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { findTaskIds } from '../../../src/core/search/find-ids.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let session: Session;
let names: TableNames;

it.beforeEach(async ({ db }) => {
  names = db.names;
  session = await db.session({ multiStatements: true });
});

const page = (search: TaskSearch, before?: number, limit = 50) =>
  findTaskIds(session, { names }, search, { before, limit }, true);

async function all(search: TaskSearch, limit = 50) {
  const ids: number[] = [];
  let pages = 0;
  for (let before: number | undefined; ; pages += 1) {
    const found = await page(search, before, limit);
    ids.push(...found.ids);
    if (found.next === null) return { ids, pages: pages + 1 };
    before = found.next;
  }
}

it('a search for what is rare ends after a bounded stretch, says so, and goes on to the last task', async () => {
  for (let n = 1; n <= 40; n += 1)
    await insertTask(session, names, { id: n * 20_000, username: n === 1 ? 'rare' : 'other' });
  const first = await page({ username: 'rare' });
  expect(first).toMatchObject({ ids: [], cut: true, total: { count: 1, exact: false } });
  // 200,000 ids, less what a stretch passes over between two tasks.
  expect(first.next).toBeGreaterThanOrEqual(400_000);
  expect(await all({ username: 'rare' })).toMatchObject({ ids: [20_000] });
  expect((await all({ username: 'other' }, 7)).ids).toHaveLength(39);
});

it('ids that are missing cost nothing, however many', async () => {
  for (const id of [1, 2, 1_000_000_000_000, 9_000_000_000_000])
    await insertTask(session, names, { id, username: 'a' });
  expect(await page({ username: 'a' })).toEqual({
    ids: [9_000_000_000_000, 1_000_000_000_000, 2, 1],
    next: null,
    cut: false,
    total: { count: 4, exact: true },
  });
});

it('each way of reading finds the same tasks in the same order, page by page', async () => {
  const made = [];
  for (let n = 0; n < 23; n += 1) {
    const columns = { username: 'u', batch_id: 5, target_device_id: 'w1', status: n % 3 === 0 ? 'failed' : 'assigned' };
    made.push(await insertTask(session, names, n % 5 === 4 ? {} : columns));
  }
  const expected = made.filter((_, n) => n % 5 !== 4).reverse();
  for (const search of [
    { username: 'u' },
    { batch_id: 5 },
    { batch_id: 5, status: ['failed', 'assigned'] },
    { status: ['failed', 'assigned'] },
    { device_id: 'w1' },
    { device_id: 'w1', status: ['failed', 'assigned'], username: 'u' },
  ] as TaskSearch[])
    for (const limit of [1, 4, 100]) expect((await all(search, limit)).ids, JSON.stringify(search)).toEqual(expected);
});

it('of an empty table is over at once', async () => {
  for (const search of [
    {},
    { username: 'u' },
    { status: ['done' as const] },
    { device_id: 'w1' },
    { batch_id: 5 },
    { dedupe_key: 'k' },
  ])
    expect(await page(search)).toEqual({ ids: [], next: null, cut: false, total: { count: 0, exact: true } });
});
