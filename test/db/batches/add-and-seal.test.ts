// What is added to a batch, and until when.
import { describe, expect } from 'vitest';
import { batches, seal, showBatch } from '../../../src/core/batches/batches.ts';
import { countBatch, countStatement } from '../../../src/core/db/batches/batch-counts.ts';
import { readBatches } from '../../../src/core/db/batches/batch-rows.ts';
import { unendedBatches, unendedStatement } from '../../../src/core/db/batches/unended-batches.ts';
import { endBatches, lockOpenBatch, sealBatch } from '../../../src/core/db/batches/write-batch.ts';
import type { Batch, IntoBatch } from '../../../src/core/domain/task/batch.ts';
import { addTasks } from '../../../src/core/tasks/add-tasks.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { costOf } from '../../helpers/statement-cost.ts';

let given: Given;
let context: ReturnType<typeof testContext>;

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(one.db);
  onTestFinished(() => context.close());
});

const add = (tasks: string[], into: IntoBatch, of = context) =>
  addTasks(
    of,
    tasks.map((dedupe_key) => ({ task_type: 't', dedupe_key })),
    { batch: { into, by: { label: 'ada' } } },
  );
const open = async () => (await add([], { name: 'b', open: true })).batch_id!;
const rows = () =>
  given.session.rows<{ dedupe_key: string; batch_id: number | null }>(
    `SELECT dedupe_key, batch_id FROM ${given.db.names.task} ORDER BY id`,
  );

describe('tasks are added to a batch', () => {
  it('that is made with them, and sealed unless it is to stay open', async () => {
    const { batch_id: first } = await add(['a', 'b'], { name: 'nightly', open: false });
    const { batch_id: second } = await add(['c'], { name: 'nightly', open: true });
    expect(await rows()).toEqual([
      { dedupe_key: 'a', batch_id: first },
      { dedupe_key: 'b', batch_id: first },
      { dedupe_key: 'c', batch_id: second },
    ]);
    const page = await batches(context, { limit: 1 });
    expect(page.batches).toMatchObject([{ batch_id: second, name: 'nightly', state: 'open', created_by: 'ada' }]);
    const rest = await batches(context, { limit: 1, cursor: page.cursor! });
    expect(rest).toMatchObject({ batches: [{ batch_id: first, state: 'sealed' }], cursor: null });
  });

  it('that is open, and not to one that is sealed or is not there', async () => {
    const id = await open();
    await add(['a'], { batch_id: id });
    await seal(context, id);
    await expect(add(['b'], { batch_id: id })).rejects.toMatchObject({ code: 'E_CONFLICT', data: { batch_id: id } });
    await expect(add(['b'], { batch_id: id + 1 })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(seal(context, id + 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await rows()).toEqual([{ dedupe_key: 'a', batch_id: id }]);
  });

  it('and one that is there already stays in its own batch, or in none', async () => {
    const first = await open();
    await add(['a'], { batch_id: first });
    await addTasks(context, [{ task_type: 't', dedupe_key: 'b' }]);
    const { tasks, batch_id } = await add(['a', 'b', 'c'], { name: 'again', open: false });
    expect(tasks.map((one) => one.created)).toEqual([false, false, true]);
    expect(await rows()).toEqual([
      { dedupe_key: 'a', batch_id: first },
      { dedupe_key: 'b', batch_id: null },
      { dedupe_key: 'c', batch_id },
    ]);
  });

  it('all of them and the batch, or nothing', async () => {
    const { names } = given.db;
    await expect(
      addTasks(context, [{ task_type: 't' }, { task_type: '' }], {
        batch: { into: { name: 'b', open: false }, by: { label: 'ada' } },
      }),
    ).rejects.toMatchObject({ code: 'E_USAGE' });
    for (const name of ['', ' ', 'x'.repeat(192)])
      await expect(add(['a'], { name, open: false })).rejects.toMatchObject({ code: 'E_USAGE' });
    await given.session.write(`ALTER TABLE ${names.task} ADD CONSTRAINT afd_refuse CHECK (dedupe_key <> 'a')`);
    try {
      await expect(add(['a'], { name: 'b', open: false })).rejects.toThrow('afd_refuse');
    } finally {
      await given.session.write(`ALTER TABLE ${names.task} DROP CONSTRAINT afd_refuse`);
    }
    expect(await given.session.rows(`SELECT 1 FROM ${names.batch}`)).toEqual([]);
  });

  it('while who seals it waits for the end of the transaction', async () => {
    const { names } = given.db;
    const id = await open();
    const [adding, sealing] = [await given.db.session(), await given.db.session()];
    await adding.write('START TRANSACTION');
    await lockOpenBatch(adding, names, id);
    await sealing.write('SET SESSION innodb_lock_wait_timeout = 1');
    await expect(sealBatch(sealing, names, id)).rejects.toMatchObject({ errno: 1205 });
    await adding.write('COMMIT');
    expect(await sealBatch(sealing, names, id)).toBe(true);
  });

  it('by twenty programs while it is sealed: none of theirs is lost, none goes in afterwards', async ({
    onTestFinished,
  }) => {
    const id = await open();
    const contexts = Array.from({ length: 20 }, () => testContext(given.db));
    onTestFinished(async () => void (await Promise.all(contexts.map((one) => one.close()))));
    await Promise.all(contexts.map((one) => one.producer()));
    const added: string[] = [];
    let refused = 0;
    const adding = contexts.map(async (one, n) => {
      for (let k = 0; ; k += 1) {
        const keys = [`${n}-${k}-a`, `${n}-${k}-b`];
        try {
          await add(keys, { batch_id: id }, one);
          added.push(...keys);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_CONFLICT' });
          refused += 1;
          return;
        }
      }
    });
    await Promise.all([
      ...adding,
      (async () => {
        while (added.length < 100) await given.session.rows('SELECT 1');
        await seal(context, id);
        // What is counted now is all there will ever be.
        const { counts } = await showBatch(context, id);
        await Promise.all(adding);
        expect(counts.pending.count).toBe(added.length);
      })(),
    ]);
    expect(refused).toBe(20);
    expect((await rows()).map((one) => one.dedupe_key).sort()).toEqual(added.sort());
  });
});

describe('the end of a batch', () => {
  it('is written once, and never before it is sealed, whoever asks for it', async () => {
    const { names } = given.db;
    const [id, sealed] = [await open(), (await add([], { name: 'b', open: false })).batch_id!];
    expect(await endBatches(given.session, names, [id, sealed, 999_999])).toEqual([sealed]);
    const [{ ended_at }] = (await readBatches(given.session, names, [sealed])) as [Batch];
    expect(await endBatches(given.session, names, [id, sealed])).toEqual([]);
    expect(await readBatches(given.session, names, [sealed])).toMatchObject([{ ended_at, state: 'ended' }]);
    expect(await sealBatch(given.session, names, sealed)).toBe(false);
  });
});

describe('reading batches', () => {
  it('counts by index alone, up to 10,000 tasks of each status', async () => {
    const { names } = given.db;
    const { batch_id } = await add(['a', 'b'], { name: 'b', open: false });
    await addTasks(context, [{ task_type: 't' }]);
    await given.session.write(`UPDATE ${names.task} SET status = 'done' WHERE dedupe_key = 'a'`);
    const many = Array.from({ length: 10_001 }, () => `('t', ${batch_id}, 'failed')`).join(',');
    await given.session.write(`INSERT INTO ${names.task} (task_type, batch_id, status) VALUES ${many}`);
    const cost = await costOf(given.session, countStatement(names, batch_id!));
    // Each entry is read once, and counted once.
    expect(cost.reads).toBeLessThan(20_100);
    expect(cost.sorted).toBe(0);
    const counts = await countBatch(given.session, names, batch_id!);
    expect(counts).toMatchObject({
      pending: { count: 1, exact: true },
      done: { count: 1, exact: true },
      failed: { count: 10_000, exact: false },
      running: { count: 0, exact: true },
    });
  });

  it('finds what waits for its end by one entry of an index for each, however big the batch', async () => {
    const { names } = given.db;
    await given.session.write(
      `INSERT INTO ${names.batch} (id, name, created_at, created_by, sealed_at, ended_at) VALUES ${Array.from(
        { length: 600 },
        (_, n) => `(${n + 1}, 'b', UTC_TIMESTAMP(3), 'a', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`,
      ).join(',')}`,
    );
    const { batch_id } = await add([], { name: 'b', open: false });
    const many = Array.from({ length: 3000 }, (_, n) => `('t', ${batch_id}, '${n % 2 ? 'done' : 'pending'}')`);
    await given.session.write(`INSERT INTO ${names.task} (task_type, batch_id, status) VALUES ${many.join(',')}`);
    const page = { after: undefined, limit: 500 };
    const [first] = await unendedBatches(given.session, names, page);
    expect(first).toMatchObject({ id: batch_id, open_task: expect.any(Number) });
    const cost = await costOf(given.session, unendedStatement(names, page));
    expect(cost).toMatchObject({ rows: 1, sorted: 0 });
    expect(cost.reads).toBeLessThan(10);
    const after = { sealed_at: first!.sealed_at, id: first!.id };
    expect(await unendedBatches(given.session, names, { after, limit: 500 })).toEqual([]);
  });
});
