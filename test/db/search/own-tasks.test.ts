// What a search over the tasks of one submitter reads: what they have added, and nothing of others, however big the table.
import { describe, expect } from 'vitest';
import { insertOwner, ownsTask, ownsTaskStatement } from '../../../src/core/db/access/task-owners.ts';
import { listStatement } from '../../../src/core/db/batches/batch-rows.ts';
import { partStatement } from '../../../src/core/db/export/export-part.ts';
import { byStatus } from '../../../src/core/db/search/find-tasks.ts';
import { countOwnStretch, endOfOwnStretch, inOwnStretch } from '../../../src/core/db/search/own-tasks.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { findTaskIds } from '../../../src/core/search/find-ids.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

let session: Session;
let names: TableNames;

it.beforeEach(async ({ db, given }) => {
  names = db.names;
  session = await db.session({ multiStatements: true });
  void given;
});

const OWNER = 'key:aaaaaaaa';
const ALL = { owner: OWNER, before: Number.MAX_SAFE_INTEGER, rows: 2000 };
const find = (search: object, limit = 10, before?: number) =>
  findTaskIds(session, { names }, { ...search, owner: OWNER }, { limit, before }, before === undefined);

describe('a task of a submitter', () => {
  it('is theirs alone, and one that has its id later is not', async () => {
    const [mine, other] = [await insertTask(session, names), await insertTask(session, names)];
    await insertOwner(session, names, OWNER, [mine]);
    await insertOwner(session, names, 'user:7', [other]);
    await insertOwner(session, names, OWNER, []);
    const owns = (id: number, owner = OWNER) => ownsTask(session, names, owner, id);
    expect([await owns(mine), await owns(other), await owns(other + 1)]).toEqual([true, false, false]);
    expect([await owns(mine, 'user:7'), await owns(other, 'user:7')]).toEqual([false, true]);
    expect(await find({})).toEqual({ ids: [mine], next: null, cut: false, total: { count: 1, exact: true } });
    await session.write(`UPDATE ${names.task} SET created_at = created_at - INTERVAL 1 HOUR WHERE id = ?`, [mine]);
    expect(await owns(mine)).toBe(false);
    await insertOwner(session, names, OWNER, [mine]);
    expect(await owns(mine)).toBe(true);
    await session.write(`UPDATE ${names.task} SET created_at = created_at - INTERVAL 1 HOUR WHERE id = ?`, [mine]);
    for (const search of [{}, { status: ['pending'] }, { dedupe_key: 'x' }])
      expect(await find(search)).toEqual({ ids: [], next: null, cut: false, total: { count: 0, exact: true } });
  });

  it('is found with each other condition, page by page', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      const columns = n % 2 === 0 ? { status: 'done', dedupe_key: `d${n}`, batch_id: 4 } : { task_type: 'odd' };
      ids.unshift(await insertTask(session, names, columns));
      const theirs = await insertTask(session, names, { status: 'done', batch_id: 4 });
      await insertOwner(session, names, 'user:7', [theirs]);
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
});

describe('among 5,000 tasks, of which one submitter has added every fourth, a statement', () => {
  it.beforeEach(async () => {
    await session.write(
      `INSERT INTO ${names.task} (task_type, status) SELECT 't', IF(c.n = 0, 'failed', 'done') FROM ${manyRows(5000)}`,
    );
    await session.write(
      `INSERT INTO ${names.taskOwner} SELECT IF(id % 4 = 0, '${OWNER}', 'user:1'), id, created_at FROM ${names.task}`,
    );
    for (const table of [names.task, names.taskOwner]) await session.rows(`ANALYZE TABLE ${table}`);
  });

  it('for a page reads their rows alone, backwards and without a sort, and no more tasks than it shows', async () => {
    const statement = inOwnStretch(names, {}, { ...ALL, rows: 300, limit: 51 });
    const plan = await planOf(session, statement);
    expect(plan.map((one) => one.key ?? one.type)).toEqual(['ALL', 'PRIMARY', 'PRIMARY']);
    expect(plan[2]).toMatchObject({ key: 'PRIMARY', type: expect.stringMatching(/range|ref/) });
    const { rows, reads } = await costOf(session, statement);
    expect(rows).toBe(51);
    // Each row of the stretch, its temporary row and what a sort reads back; the tasks of the page.
    expect(reads).toBeLessThanOrEqual(300 * 3 + 51 + 10);
  });

  it('for what nobody has reads the stretch, and each of its tasks once', async () => {
    const statement = inOwnStretch(names, { task_type: 'none' }, { ...ALL, rows: 300, limit: 51 });
    const { rows, reads } = await costOf(session, statement);
    expect(rows).toBe(0);
    expect(reads).toBeLessThanOrEqual(300 * 4 + 10);
  });

  it('for the end of a stretch and for a count reads the same rows', async () => {
    const { sql, values } = endOfOwnStretch(names, { ...ALL, rows: 300 });
    const [end] = await session.rows(sql, values);
    expect(Number(end?.n)).toBe(300);
    expect((await costOf(session, { sql, values })).reads).toBeLessThanOrEqual(300 * 2 + 10);
    const count = countOwnStretch(names, { ...ALL, rows: 300 });
    expect((await session.rows(count.sql, count.values)).map((one) => [Number(one.n), Number(one.tasks)])).toEqual([
      [300, 300],
    ]);
    expect((await costOf(session, count)).reads).toBeLessThanOrEqual(300 * 3 + 10);
  });

  it('for a status reads afd_claim, and one owner for each', async () => {
    const statement = byStatus(names, { status: ['failed'], owner: OWNER }, { before: ALL.before, limit: 51 });
    const plan = await planOf(session, statement);
    expect(plan.map((one) => [one.key, one.type])).toEqual([
      ['afd_claim', 'range'],
      ['PRIMARY', expect.stringMatching(/const|eq_ref/)],
    ]);
    expect((await costOf(session, statement)).rows).toBe(51);
  });

  it('for one task reads two rows', async () => {
    const { reads, rows } = await costOf(session, ownsTaskStatement(names, OWNER, await firstOwn()));
    expect([rows, reads <= 2]).toEqual([1, true]);
  });

  it('for an export reads their rows alone, in the order of the ids, and looks up each task', async () => {
    const from = await firstOwn();
    const statement = partStatement(names, {}, { from: from - 1, to: from + 4000, limit: 50, owner: OWNER });
    const plan = await planOf(session, statement);
    expect(plan.map((one) => [one.key, one.type])).toEqual([
      ['PRIMARY', 'range'],
      ['PRIMARY', 'eq_ref'],
      ['idx_task_id', expect.stringMatching(/ref/)],
    ]);
    const { rows, reads, sorted } = await costOf(session, statement);
    expect([rows, sorted]).toEqual([50, 0]);
    expect(reads).toBeLessThanOrEqual(50 * 3 + 5);
  });

  async function firstOwn(): Promise<number> {
    const [row] = await session.rows(`SELECT MIN(task_id) AS id FROM ${names.taskOwner} WHERE owner = ?`, [OWNER]);
    return row!.id;
  }

  it('for a page of batches reads theirs alone', async () => {
    await session.write(
      `INSERT INTO ${names.batch} (name, created_at, created_by, owner)
       SELECT 'b', UTC_TIMESTAMP(3), 'x', IF(id % 4 = 0, '${OWNER}', NULL) FROM ${names.task}`,
    );
    await session.rows(`ANALYZE TABLE ${names.batch}`);
    const statement = listStatement(names, { owner: OWNER, before: ALL.before, limit: 51 });
    expect(await planOf(session, statement)).toMatchObject([{ key: 'afd_owner', type: 'range' }]);
    const { rows, reads, sorted } = await costOf(session, statement);
    expect([rows, sorted]).toEqual([51, 0]);
    expect(reads).toBeLessThanOrEqual(53);
  });
});
