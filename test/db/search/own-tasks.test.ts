// What a search over the tasks of one submitter reads: what they have added, and nothing of others, however big the table.
import { expect } from 'vitest';
import { insertOwner, ownsTask, ownsTaskStatement } from '../../../src/core/db/access/task-owners.ts';
import { listStatement } from '../../../src/core/db/batches/batch-rows.ts';
import { partStatement } from '../../../src/core/db/export/export-part.ts';
import { byStatus } from '../../../src/core/db/search/find-tasks.ts';
import { countOwnStretch, endOfOwnStretch, inOwnStretch } from '../../../src/core/db/search/own-tasks.ts';
import { findTaskIds } from '../../../src/core/search/find-ids.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask } from '../../helpers/rows-here.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

useDatabase();
const OWNER = 'key:aaaaaaaa';
const ALL = { owner: OWNER, before: Number.MAX_SAFE_INTEGER, rows: 2000 };
const find = (search: object, limit = 10, before?: number) =>
  findTaskIds(session, { names }, { ...search, owner: OWNER }, { limit, before }, before === undefined);

it('a task of a submitter is theirs alone, and one that has its id later is not', async () => {
  const [mine, other] = [await addTask(), await addTask()];
  await insertOwner(session, names, OWNER, [mine]);
  await insertOwner(session, names, 'user:7', [other]);
  await insertOwner(session, names, OWNER, []);
  const owns = (id: number, owner = OWNER) => ownsTask(session, names, owner, id);
  expect([await owns(mine), await owns(other), await owns(other + 1)]).toEqual([true, false, false]);
  expect([await owns(mine, 'user:7'), await owns(other, 'user:7')]).toEqual([false, true]);
  expect(await find({})).toEqual({ ids: [mine], next: null, cut: false, total: { count: 1, exact: true } });
  await session.write(`UPDATE ${names.task} SET created_at = created_at - INTERVAL 1 HOUR WHERE id = ?`, [mine]);
  expect(await owns(mine)).toBe(false);
  for (const search of [{}, { status: ['pending'] }, { dedupe_key: 'x' }])
    expect(await find(search)).toEqual({ ids: [], next: null, cut: false, total: { count: 0, exact: true } });
  await insertOwner(session, names, OWNER, [mine]);
  expect(await owns(mine)).toBe(true);
});

it('a task of a submitter is found with each other condition, page by page', async () => {
  const ids: number[] = [];
  for (let n = 0; n < 7; n += 1) {
    const columns = n % 2 === 0 ? { status: 'done', dedupe_key: `d${n}`, batch_id: 4 } : { task_type: 'odd' };
    ids.unshift(await addTask(columns));
    await insertOwner(session, names, 'user:7', [await addTask({ status: 'done', batch_id: 4 })]);
  }
  await insertOwner(session, names, OWNER, ids);
  const [a, b, c, d, e, f, g] = ids as [number, number, number, number, number, number, number];
  expect(await find({}, 3)).toMatchObject({ ids: [a, b, c], next: c, total: { count: 7, exact: true } });
  expect(await find({}, 3, c)).toMatchObject({ ids: [d, e, f], next: f });
  expect(await find({}, 3, f)).toMatchObject({ ids: [g], next: null, cut: false });
  expect((await find({ status: ['done'] })).ids).toEqual([a, c, e, g]);
  expect((await find({ batch_id: 4 })).ids).toEqual([a, c, e, g]);
  expect(await find({ task_type: 'odd' })).toMatchObject({ ids: [b, d, f], total: { count: 3, exact: true } });
  expect((await find({ dedupe_key: 'd6' })).ids).toEqual([a]);
  expect((await find({ device_id: 'w1' })).ids).toEqual([]);
});

it('among 5,000 tasks, of which one submitter has added every fourth, each statement reads theirs alone', async () => {
  await session.write(
    `INSERT INTO ${names.task} (task_type, status) SELECT 't', IF(c.n = 0, 'failed', 'done') FROM ${manyRows(5000)}`,
  );
  await session.write(
    `INSERT INTO ${names.taskOwner} SELECT IF(id % 4 = 0, '${OWNER}', 'user:1'), id, created_at FROM ${names.task}`,
  );
  await session.write(
    `INSERT INTO ${names.batch} (name, created_at, created_by, owner)
     SELECT 'b', UTC_TIMESTAMP(3), 'x', IF(id % 4 = 0, '${OWNER}', NULL) FROM ${names.task}`,
  );
  for (const table of [names.task, names.taskOwner, names.batch]) await session.rows(`ANALYZE TABLE ${table}`);
  const [own] = await session.rows(`SELECT MIN(task_id) AS id FROM ${names.taskOwner} WHERE owner = ?`, [OWNER]);
  const from = Number(own!.id);
  const stretch = { ...ALL, rows: 300 };
  const part = { from: from - 1, to: from + 4000, limit: 50, owner: OWNER };
  // Each row of a stretch, its temporary row and what a sort reads back; the tasks of the page.
  for (const [statement, rows, reads, keys] of [
    [inOwnStretch(names, {}, { ...stretch, limit: 51 }), 51, 300 * 3 + 61, 'null PRIMARY PRIMARY'],
    [inOwnStretch(names, { task_type: 'none' }, { ...stretch, limit: 51 }), 0, 300 * 4 + 10, undefined],
    [endOfOwnStretch(names, stretch), 1, 300 * 2 + 10, undefined],
    [countOwnStretch(names, stretch), 1, 300 * 3 + 10, undefined],
    [byStatus(names, { status: ['failed'], owner: OWNER }, { ...ALL, limit: 51 }), 51, 5000, 'afd_claim PRIMARY'],
    [ownsTaskStatement(names, OWNER, from), 1, 2, undefined],
    [partStatement(names, {}, part), 50, 50 * 3 + 5, 'PRIMARY PRIMARY idx_task_id'],
    [listStatement(names, { ...ALL, limit: 51 }), 51, 53, 'afd_owner'],
  ] as const) {
    const cost = await costOf(session, statement);
    expect(cost.rows, statement.sql).toBe(rows);
    expect(cost.reads, statement.sql).toBeLessThanOrEqual(reads);
    if (keys !== undefined)
      expect((await planOf(session, statement)).map((one) => String(one.key)).join(' '), statement.sql).toBe(keys);
  }
});
