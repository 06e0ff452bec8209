import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type ProgressRow, writeProgress } from '../../../src/core/db/reports/write-progress.ts';
import { insertDeferredClaim } from '../../helpers/deferred-claim.ts';
import { it } from '../../helpers/fixture.ts';

const row = (held: { task_id: number; claim_token: Buffer }, more: Partial<ProgressRow> = {}): ProgressRow => ({
  ...{ task_id: held.task_id, claim_token: held.claim_token, device_id: 'w1' },
  ...{ progress: { done: 3, total: 10, message: 'page 3' }, metrics: '{"rows":12}', usage: undefined },
  first: { done: 1, age_ms: 2000 },
  ...more,
});

it.beforeEach(async ({ given }) => {
  await given.rows.worker('w1');
});

const stored = async ({ given }: { given: Parameters<Parameters<typeof it.beforeEach>[0]>[0]['given'] }) =>
  given.session.rows(
    `SELECT *, TIMESTAMPDIFF(MICROSECOND, begun_at, updated_at) / 1000000 AS age_s,
       ABS(TIMESTAMPDIFF(MICROSECOND, updated_at, UTC_TIMESTAMP(3))) < 60000000 AS now
     FROM ${given.db.names.progress} ORDER BY task_id, attempt`,
  );

describe('the progress of attempts', () => {
  it('is written for all of a device in one statement', async ({ given, session, db, rows }) => {
    const one = await rows.running('w1');
    const two = await rows.running('w1', { attempt: 4 });
    const usage = { peak_memory: 1.5e9, cpu_ms: 250.4 };
    const bare = { progress: undefined, metrics: null, first: undefined };
    expect(await writeProgress(session, db.names, [row(one), row(two, { ...bare, usage })])).toBe(2);
    expect(await stored({ given })).toMatchObject([
      {
        ...{ task_id: one.task_id, attempt: 1, device_id: 'w1', done: 3, total: 10, message: 'page 3' },
        ...{ peak_memory: null, cpu_ms: null, begun_done: 1, now: 1 },
        age_s: 2,
      },
      {
        ...{ task_id: two.task_id, attempt: 4, done: null, total: null, message: null, metrics: null },
        ...{ peak_memory: 1_500_000_000, cpu_ms: 250, begun_at: null, begun_done: null },
      },
    ]);
    expect(JSON.parse((await stored({ given }))[0]!.metrics)).toEqual({ rows: 12 });
  });

  it('keeps its beginning and takes the last of everything else', async ({ given, session, db, rows }) => {
    const held = await rows.running('w1');
    await writeProgress(session, db.names, [row(held)]);
    const [before] = await stored({ given });
    const progress = { done: 7, total: null, message: null };
    await writeProgress(session, db.names, [row(held, { progress, metrics: null, first: { done: 5, age_ms: 1 } })]);
    const [after] = await stored({ given });
    expect(after).toMatchObject({ done: 7, total: null, message: null, metrics: null });
    expect([after!.begun_at, after!.begun_done]).toEqual([before!.begun_at, before!.begun_done]);
  });

  it('begins with the first progress, also when figures came before it', async ({ given, session, db, rows }) => {
    const held = await rows.running('w1');
    await writeProgress(session, db.names, [row(held, { progress: undefined, first: undefined })]);
    await writeProgress(session, db.names, [row(held)]);
    expect(await stored({ given })).toMatchObject([{ done: 3, begun_done: 1, age_s: 2 }]);
  });

  it('of a deferred claim is written, although the attempt has no row', async ({ given, session, db }) => {
    const device = { device_id: 'w1', instance_token: randomBytes(16), lock_name: '' };
    const held = await insertDeferredClaim(session, db.names, device);
    expect(await writeProgress(session, db.names, [row(held)])).toBe(1);
    expect(await stored({ given })).toMatchObject([{ attempt: 1, done: 3 }]);
  });

  it('of an attempt that lost its task is not written; that of the others is', async ({ given, session, db, rows }) => {
    const stale = { ...(await rows.running('w1')), claim_token: randomBytes(16) };
    const held = await rows.running('w1');
    expect(await writeProgress(session, db.names, [row(stale), row(held)])).toBe(1);
    expect(await stored({ given })).toMatchObject([{ task_id: held.task_id }]);
    expect(await writeProgress(session, db.names, [row(stale)])).toBe(0);
  });

  it('of a task that has ended, or is gone, is not written: zero rows', async ({ given, session, db, rows }) => {
    const done = await rows.running('w1', { status: 'done', claim_token: null });
    const gone = { task_id: done.task_id + 1000, claim_token: done.claim_token };
    expect(await writeProgress(session, db.names, [row(done), row(gone)])).toBe(0);
    expect(await stored({ given })).toEqual([]);
  });

  it('the same values again still count: the attempt holds its task', async ({ session, db, rows }) => {
    const held = await rows.running('w1');
    await writeProgress(session, db.names, [row(held)]);
    expect(await writeProgress(session, db.names, [row(held)])).toBeGreaterThan(0);
  });

  it('waits for no lock on the task, and takes none', async ({ given, session, db, rows }) => {
    const held = await rows.running('w1');
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT id FROM ${db.names.task} WHERE id = ? FOR UPDATE`, [held.task_id]);
    expect(await writeProgress(session, db.names, [row(held)])).toBe(1);
    await other.write('ROLLBACK');
    await session.write('START TRANSACTION');
    await writeProgress(session, db.names, [row(held, { progress: { done: 4, total: 10, message: null } })]);
    await other.write(`UPDATE ${db.names.task} SET priority = 7 WHERE id = ?`, [held.task_id]);
    await session.write('COMMIT');
    expect(await stored({ given })).toMatchObject([{ done: 4 }]);
  });

  it('takes figures that no column could hold as the largest number', async ({ given, session, db, rows }) => {
    const held = await rows.running('w1');
    const usage = { peak_memory: 1e300, cpu_ms: Number.NaN };
    const progress = { done: 1e308, total: 5e-324, message: '😀'.repeat(255) };
    await writeProgress(session, db.names, [row(held, { usage, progress })]);
    expect(await stored({ given })).toMatchObject([
      { peak_memory: Number.MAX_SAFE_INTEGER, cpu_ms: null, ...progress },
    ]);
  });
});
