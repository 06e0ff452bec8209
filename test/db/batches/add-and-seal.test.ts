// What is added to a batch, and until when.
import { expect } from 'vitest';
import { seal, showBatch } from '../../../src/core/batches/batches.ts';
import { countBatch, countStatement } from '../../../src/core/db/batches/batch-counts.ts';
import { readBatches } from '../../../src/core/db/batches/batch-rows.ts';
import { unendedBatches, unendedStatement } from '../../../src/core/db/batches/unended-batches.ts';
import { endBatches, lockOpenBatch, sealBatch } from '../../../src/core/db/batches/write-batch.ts';
import type { IntoBatch } from '../../../src/core/domain/task/batch.ts';
import { addTasks } from '../../../src/core/tasks/add-tasks.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { testContext } from '../../helpers/node.ts';
import { Refusals } from '../../helpers/refusals.ts';
import { addTask } from '../../helpers/rows-here.ts';
import { costOf } from '../../helpers/statement-cost.ts';

useDatabase();
let context: ReturnType<typeof testContext>;
it.beforeEach(() => {
  context = testContext(db);
});
it.afterEach(() => context.close());

const add = (keys: string[], into: IntoBatch, of = context) => {
  const tasks = keys.map((dedupe_key) => ({ task_type: 't', dedupe_key }));
  return addTasks(of, tasks, { batch: { into, by: { label: 'ada' } } });
};
const open = async () => (await add([], { name: 'b', open: true })).batch_id!;
const sealed = async (keys: string[] = []) => (await add(keys, { name: 'b', open: false })).batch_id!;
/** The batch of each key. */
const batchOf = async () =>
  Object.fromEntries(
    (await session.rows(`SELECT dedupe_key, batch_id FROM ${names.task}`)).map((row) => [row.dedupe_key, row.batch_id]),
  );

it('tasks are added to a batch and one that is there already stays in its own batch, or in none', async () => {
  const first = await open();
  await add(['a'], { batch_id: first });
  await addTask({ dedupe_key: 'b' });
  const { tasks, batch_id } = await add(['a', 'b', 'c'], { name: 'again', open: false });
  expect(tasks.map((one) => one.created)).toEqual([false, false, true]);
  expect(await batchOf()).toEqual({ a: first, b: null, c: batch_id });
});

it('tasks are added to a batch all of them and the batch, or nothing', async () => {
  const batch = { into: { name: 'b', open: false }, by: { label: 'ada' } };
  const refused = { code: 'E_USAGE' };
  await expect(addTasks(context, [{ task_type: 't' }, { task_type: '' }], { batch })).rejects.toMatchObject(refused);
  for (const name of [' ', 'x'.repeat(192)])
    await expect(add(['a'], { name, open: false })).rejects.toMatchObject(refused);
  const refusals = new Refusals(session, names);
  await refusals.of(names.task, "dedupe_key = 'a'");
  try {
    await expect(sealed(['a'])).rejects.toThrow('refuse_');
  } finally {
    await refusals.none();
  }
  expect(await session.rows(`SELECT 1 FROM ${names.batch}`)).toEqual([]);
});

it('tasks are added to a batch while who seals it waits for the end of the transaction', async () => {
  const id = await open();
  const [adding, sealing] = [await db.session(), await db.session()];
  await adding.write('START TRANSACTION');
  await lockOpenBatch(adding, names, id);
  await sealing.write('SET SESSION innodb_lock_wait_timeout = 1');
  await expect(sealBatch(sealing, names, id)).rejects.toMatchObject({ errno: 1205 });
  await adding.write('COMMIT');
  expect(await sealBatch(sealing, names, id)).toBe(true);
});

it('tasks are added to a batch by several programs while it is sealed: none of theirs is lost, none goes in afterwards', async () => {
  const batch_id = await open();
  const contexts = Array.from({ length: 8 }, () => testContext(db));
  await Promise.all(contexts.map((one) => one.producer()));
  const added: string[] = [];
  const adding = contexts.map(async (one, n) => {
    for (let k = 0; ; k += 1) {
      const keys = [`${n}-${k}-a`, `${n}-${k}-b`];
      const error = await add(keys, { batch_id }, one).catch((refusal) => refusal);
      if (error instanceof Error) return expect(error).toMatchObject({ code: 'E_CONFLICT' });
      added.push(...keys);
    }
  });
  while (added.length < 60) await session.rows('SELECT 1');
  await seal(context, batch_id);
  // What is counted now is all there will ever be.
  const { counts } = await showBatch(context, batch_id);
  await Promise.all(adding);
  await Promise.all(contexts.map((one) => one.close()));
  expect(counts.pending.count).toBe(added.length);
  expect(Object.keys(await batchOf()).sort()).toEqual(added.sort());
});

it('the end of a batch is written once, and never before it is sealed, whoever asks for it', async () => {
  const [id, over] = [await open(), await sealed()];
  expect(await endBatches(session, names, [id, over, 999_999])).toEqual([over]);
  const [ended] = await readBatches(session, names, [over]);
  expect(await endBatches(session, names, [id, over])).toEqual([]);
  expect(await readBatches(session, names, [over])).toEqual([{ ...ended, state: 'ended' }]);
  expect(await sealBatch(session, names, over)).toBe(false);
});

const addMany = (rows: string[], columns = 'task_type, batch_id, status') =>
  session.write(`INSERT INTO ${names.task} (${columns}) VALUES ${rows.join(',')}`);

it('reading batches counts by index alone, up to 10,000 tasks of each status', async () => {
  const id = await sealed(['a']);
  await addTask();
  await addMany(Array.from({ length: 10_001 }, () => `('t', ${id}, 'failed')`));
  // Each entry is read once, and counted once.
  const cost = await costOf(session, countStatement(names, id));
  expect(cost.reads).toBeLessThan(20_100);
  expect(cost.sorted).toBe(0);
  expect(await countBatch(session, names, id)).toMatchObject({
    pending: { count: 1, exact: true },
    failed: { count: 10_000, exact: false },
    running: { count: 0, exact: true },
  });
});

it('reading batches finds what waits for its end by one entry of an index for each, however big the batch', async () => {
  const over = Array.from({ length: 600 }, () => `('b', UTC_TIMESTAMP(3), 'a', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
  await session.write(
    `INSERT INTO ${names.batch} (name, created_at, created_by, sealed_at, ended_at) VALUES ${over.join(',')}`,
  );
  const id = await sealed();
  await addMany(Array.from({ length: 3000 }, (_, n) => `('t', ${id}, '${n % 2 ? 'done' : 'pending'}')`));
  const page = { after: undefined, limit: 500 };
  const [first] = await unendedBatches(session, names, page);
  expect(first).toMatchObject({ id, open_task: expect.any(Number) });
  const cost = await costOf(session, unendedStatement(names, page));
  expect(cost).toMatchObject({ rows: 1, sorted: 0 });
  expect(cost.reads).toBeLessThan(10);
  expect(await unendedBatches(session, names, { after: first, limit: 500 })).toEqual([]);
});
