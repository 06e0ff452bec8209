import { describe, expect, vi } from 'vitest';
import type { LaneSource } from '../../../src/core/db/claim/claim-source.ts';
import type { ClaimedTask } from '../../../src/core/db/claim/claimed-task.ts';
import { countDue } from '../../../src/core/db/claim/statements.ts';
import { type ClaimRequest, firstRead, takeTasks } from '../../../src/core/db/claim/take-tasks.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

/** Adds `count` due tasks of a type, and returns them as a source. */
async function lane(task_type: string, count: number, priority = 5): Promise<LaneSource> {
  const ids: number[] = [];
  for (let n = 0; n < Math.max(1, count); n += 1)
    ids.push(await insertTask(session, db.names, { task_type, priority }));
  const [row] = await session.rows(`SELECT lane, claim_rank FROM ${db.names.task} WHERE id = ?`, [ids[0]]);
  if (count === 0) await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ?`, [ids[0]]);
  return { kind: 'lane', lane: row!.lane, claim_rank: Number(row!.claim_rank), cursor: undefined };
}

const claimOf = (sources: LaneSource[], limit: number, over: Partial<ClaimRequest> = {}): ClaimRequest => ({
  claim_token: Buffer.alloc(16),
  limit,
  ...{ free: limit, short: limit, alone: false },
  sources,
  countFirst: true,
  ticket: false,
  mostFrom: () => Number.POSITIVE_INFINITY,
  leaseOf: () => 60,
  admit: () => 'record',
  ...over,
});

/** Asks and takes as the hot transaction does, and returns how many locking reads it sent. */
async function ask(claim: ClaimRequest, on: Session = session) {
  const taken: ClaimedTask[] = [];
  await on.write('START TRANSACTION');
  const [answer] = await on.batch(firstRead(db.names, claim));
  const sent = vi.spyOn(on, 'batch');
  const yielded = await takeTasks(on, db.names, claim, answer!, taken);
  const reads = sent.mock.calls.flatMap(([statements]) => statements).length;
  sent.mockRestore();
  return { yielded, reads, types: taken.map((one) => one.task_type) };
}

describe('a claim that counts its lanes first', () => {
  it('takes what each has, in their order, and locks nothing of those that are empty', async () => {
    const sources = [await lane('a', 0), await lane('b', 2), await lane('c', 0), await lane('d', 1)];
    const { yielded, reads, types } = await ask(claimOf(sources, 50));
    expect(types).toEqual(['b', 'b', 'd']);
    expect(reads).toBe(2);
    expect(yielded).toEqual([0, 2, 0, 1].map((count) => ({ count, exhausted: true })));
    await session.write('ROLLBACK');
  });

  it('sends no locking read where all are empty', async () => {
    const sources = [await lane('a', 0), await lane('b', 0)];
    const { yielded, reads } = await ask(claimOf(sources, 50));
    expect(reads).toBe(0);
    expect(yielded.every((one) => one.exhausted)).toBe(true);
    await session.write('ROLLBACK');
  });

  it('stops at its limit: of the lane it ended in more is due', async () => {
    const sources = [await lane('a', 2), await lane('b', 3), await lane('c', 1)];
    const { yielded, types } = await ask(claimOf(sources, 4));
    expect(types).toEqual(['a', 'a', 'b', 'b']);
    expect(yielded).toEqual([
      { count: 2, exhausted: true },
      { count: 2, exhausted: false },
    ]);
    await session.write('ROLLBACK');
  });

  it('passes over no rank that has more than it asked for', async () => {
    const sources = [await lane('a', 3, 5), await lane('b', 1, 5), await lane('c', 1, 6)];
    const few = claimOf(sources, 50, { mostFrom: (one) => (one === sources[0] ? 2 : Number.POSITIVE_INFINITY) });
    expect(await ask(few)).toMatchObject({
      types: ['a', 'a', 'b'],
      yielded: [
        { count: 2, exhausted: false },
        { count: 1, exhausted: true },
      ],
    });
    await session.write('ROLLBACK');
    expect((await ask(claimOf(sources, 50))).types).toEqual(['a', 'a', 'a', 'b', 'c']);
    await session.write('ROLLBACK');
  });

  it('takes nothing that another claim holds, and the rows behind it', async () => {
    const sources = [await lane('a', 4), await lane('b', 1)];
    const other = await db.session();
    await ask(claimOf(sources, 2), other);
    const { types, yielded } = await ask(claimOf(sources, 50));
    expect(types).toEqual(['a', 'a', 'b']);
    // Fewer than were counted: nothing more is to be had there now, and the other will say when it gives them back.
    expect(yielded[0]).toEqual({ count: 2, exhausted: true });
    await session.write('ROLLBACK');
    await other.write('ROLLBACK');
  });

  it('starts behind the cursor', async () => {
    const source = await lane('a', 3);
    const [, second] = await session.rows(`SELECT id, due_at FROM ${db.names.task} ORDER BY due_at, id`);
    const marked = { ...source, cursor: { due_at: String(second!.due_at), id: Number(second!.id) + 1 } };
    expect((await ask(claimOf([marked], 50))).yielded).toEqual([{ count: 1, exhausted: true }]);
    await session.write('ROLLBACK');
  });

  it('reads the index in its order, and only as far as it counts', async () => {
    const sources = [await lane('a', 100), await lane('b', 30)];
    await session.rows(`ANALYZE TABLE ${db.names.task}`);
    const { sql, values } = countDue(db.names, sources, [10, 64]);
    const form = session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL';
    const plan = await session.rows(`EXPLAIN ${form} ${sql}`, values);
    const reads = plan.filter((one) => one.key === 'afd_claim').map((one) => String(one.type));
    expect(reads.sort()).toEqual(['range', 'range', 'ref', 'ref']);
    for (const one of plan) expect(String(one.Extra)).not.toMatch(/filesort/i);
    const rows = await session.rows(sql, values);
    expect(rows.map((one) => Number(one.due)).sort()).toEqual([10, 30]);
  });
});
