import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { deleteCheckpoint } from '../../../src/core/db/reports/delete-checkpoint.ts';
import { readCheckpoints } from '../../../src/core/db/reports/read-checkpoints.ts';
import { writeCheckpoint } from '../../../src/core/db/reports/write-checkpoint.ts';
import { retryTask } from '../../../src/core/db/tasks/retry-task.ts';
import { insertDeferredClaim } from '../../helpers/deferred-claim.ts';
import { it } from '../../helpers/fixture.ts';
import { statementRuns } from '../../helpers/running-statement.ts';

it.beforeEach(async ({ given }) => {
  await given.rows.worker('w1');
});

const VALUE = '{"app":3,"rest":["b","a"]}';

describe('a checkpoint', () => {
  it('is stored as it was written, and the last one counts', async ({ session, db, rows }) => {
    const held = await rows.running('w1', { attempt: 2 });
    expect(await writeCheckpoint(session, db.names, { ...held, value: '1' })).toBe(true);
    expect(await writeCheckpoint(session, db.names, { ...held, value: VALUE })).toBe(true);
    expect(await session.rows(`SELECT task_id, attempt, value FROM ${db.names.checkpoint}`)).toEqual([
      { task_id: held.task_id, attempt: 2, value: VALUE },
    ]);
    expect(await readCheckpoints(session, db.names, [held.task_id])).toEqual(new Map([[held.task_id, VALUE]]));
  });

  it('the same value again is stored, not refused', async ({ session, db, rows }) => {
    const held = await rows.running('w1');
    await writeCheckpoint(session, db.names, { ...held, value: VALUE });
    expect(await writeCheckpoint(session, db.names, { ...held, value: VALUE })).toBe(true);
  });

  it('of 64 KB is stored', async ({ session, db, rows }) => {
    const held = await rows.running('w1');
    const value = JSON.stringify('é'.repeat(32 * 1024 - 1));
    expect(await writeCheckpoint(session, db.names, { ...held, value })).toBe(true);
    expect((await readCheckpoints(session, db.names, [held.task_id])).get(held.task_id)).toBe(value);
  });

  it('of a deferred claim is stored', async ({ session, db }) => {
    const device = { device_id: 'w1', instance_token: randomBytes(16), lock_name: '' };
    const held = await insertDeferredClaim(session, db.names, device);
    expect(await writeCheckpoint(session, db.names, { ...held, value: VALUE })).toBe(true);
  });

  it('of an attempt whose task another one holds is refused, and that one’s stays', async ({ session, db, rows }) => {
    const held = await rows.running('w1', { attempt: 2 });
    await writeCheckpoint(session, db.names, { ...held, value: '"new"' });
    const stale = { ...held, claim_token: randomBytes(16) };
    expect(await writeCheckpoint(session, db.names, { ...stale, value: '"old"' })).toBe(false);
    expect((await readCheckpoints(session, db.names, [held.task_id])).get(held.task_id)).toBe('"new"');
  });

  it('of a task that has ended, or is gone, is refused: zero rows', async ({ session, db, rows }) => {
    const { task_id, claim_token } = await rows.running('w1', { status: 'done', claim_token: null });
    expect(await writeCheckpoint(session, db.names, { task_id, claim_token, value: VALUE })).toBe(false);
    expect(await writeCheckpoint(session, db.names, { task_id: task_id + 9, claim_token, value: VALUE })).toBe(false);
    expect(await session.rows(`SELECT * FROM ${db.names.checkpoint}`)).toEqual([]);
  });

  it('and a rescue come one after the other, whatever begins first', async ({ session, db, rows }) => {
    const held = await rows.running('w1');
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.write(`UPDATE ${db.names.task} SET claim_token = NULL WHERE id = ?`, [held.task_id]);
    const waiting = writeCheckpoint(session, db.names, { ...held, value: VALUE });
    await statementRuns(await db.session(), `INSERT INTO ${db.names.checkpoint}%`);
    await other.write('COMMIT');
    expect(await waiting).toBe(false);
    expect(await session.rows(`SELECT * FROM ${db.names.checkpoint}`)).toEqual([]);
  });
});

describe('what the next attempt is given', () => {
  it('is what was stored, of those that have something', async ({ session, db, rows }) => {
    const one = await rows.running('w1');
    const two = await rows.running('w1');
    const none = await rows.running('w1');
    await writeCheckpoint(session, db.names, { ...one, value: '1' });
    await writeCheckpoint(session, db.names, { ...two, value: '2' });
    const ids = [one, two, none].map((held) => held.task_id);
    expect(await readCheckpoints(session, db.names, ids)).toEqual(new Map([1, 2].map((n) => [ids[n - 1], String(n)])));
    expect(await readCheckpoints(session, db.names, [])).toEqual(new Map());
  });

  it('is not that of an earlier task with its id', async ({ session, db, rows }) => {
    const held = await rows.running('w1');
    await writeCheckpoint(session, db.names, { ...held, value: VALUE });
    await session.write(`UPDATE ${db.names.task} SET created_at = created_at + INTERVAL 1 SECOND WHERE id = ?`, [
      held.task_id,
    ]);
    expect(await readCheckpoints(session, db.names, [held.task_id])).toEqual(new Map());
  });

  it('is not lost for a task without a time of its own', async ({ session, db, rows }) => {
    const held = await rows.running('w1', { created_at: null });
    await writeCheckpoint(session, db.names, { ...held, value: VALUE });
    expect((await readCheckpoints(session, db.names, [held.task_id])).size).toBe(1);
  });
});

describe('the checkpoint of a task that is done', () => {
  it('goes', async ({ session, db, rows }) => {
    const held = await rows.running('w1', { attempt: 2 });
    await writeCheckpoint(session, db.names, { ...held, value: VALUE });
    expect(await deleteCheckpoint(session, db.names, { task_id: held.task_id, attempt: 2 })).toBe(1);
    expect(await deleteCheckpoint(session, db.names, { task_id: held.task_id, attempt: 2 })).toBe(0);
  });

  it('stays if a later attempt has stored it', async ({ session, db, rows }) => {
    const held = await rows.running('w1', { attempt: 3 });
    await writeCheckpoint(session, db.names, { ...held, value: VALUE });
    expect(await deleteCheckpoint(session, db.names, { task_id: held.task_id, attempt: 2 })).toBe(0);
    expect((await readCheckpoints(session, db.names, [held.task_id])).size).toBe(1);
  });
});

describe('a task that ended and runs again', () => {
  it('goes on where it stopped, if it failed or was cancelled', async ({ session, db, rows }) => {
    for (const status of ['failed', 'cancelled']) {
      const held = await rows.running('w1');
      await writeCheckpoint(session, db.names, { ...held, value: VALUE });
      await session.write(`UPDATE ${db.names.task} SET status = ?, claim_token = NULL WHERE id = ?`, [
        status,
        held.task_id,
      ]);
      await retryTask(session, db.names, held.task_id);
      expect((await readCheckpoints(session, db.names, [held.task_id])).get(held.task_id)).toBe(VALUE);
    }
  });

  it('begins anew, if it was done', async ({ session, db, rows }) => {
    const held = await rows.running('w1');
    await writeCheckpoint(session, db.names, { ...held, value: VALUE });
    await session.write(`UPDATE ${db.names.task} SET status = 'done', claim_token = NULL WHERE id = ?`, [held.task_id]);
    await retryTask(session, db.names, held.task_id, { force: true });
    expect(await readCheckpoints(session, db.names, [held.task_id])).toEqual(new Map());
  });
});
