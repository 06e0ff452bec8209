import { describe, expect } from 'vitest';
import { cursorCheckStatement } from '../../../src/core/db/claim/check-cursor.ts';
import type { LaneSource } from '../../../src/core/db/claim/claim-source.ts';
import { lockDue, readFrontier } from '../../../src/core/db/claim/statements.ts';
import { dueStatement } from '../../../src/core/db/lanes/due-work.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

let db: TestDatabase;
let session: Session;
let lane: Buffer;
type Statement = Parameters<typeof costOf>[1];

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  const { task } = db.names;
  // 2,000 due rows of rank 5 behind 2,000 future rows of the better rank 1, and 500 finished ones.
  await session.write(
    `INSERT INTO ${task} (task_type, priority, next_run_at) SELECT 't', 9, NOW(3) + INTERVAL 1 DAY FROM ${manyRows(2000)}`,
  );
  await session.write(
    `INSERT INTO ${task} (task_type, priority, next_run_at) SELECT 't', 5, NOW(3) - INTERVAL a.n SECOND FROM ${manyRows(2000)}`,
  );
  await session.write(`INSERT INTO ${task} (task_type, status) SELECT 't', 'done' FROM ${manyRows(500)}`);
  await session.rows(`ANALYZE TABLE ${task}`);
  lane = (await session.rows(`SELECT lane FROM ${task} LIMIT 1`))[0]!.lane;
});

async function cost(statement: Statement) {
  await session.write('START TRANSACTION');
  const spent = await costOf(session, statement);
  await session.write('ROLLBACK');
  return spent;
}

/** What the statement reads of the index, and that it sorts nothing. */
async function readsOf(statement: Statement) {
  const reads = (await planOf(session, statement)).filter(({ key }) => key === 'afd_claim');
  for (const one of reads) expect(String(one.Extra)).not.toMatch(/filesort|temporary/i);
  return reads.map(({ type }) => type);
}

const nth = async (offset: number) => {
  const [row] = await session.rows<{ due_at: string; id: number }>(
    `SELECT due_at, id FROM ${db.names.task} WHERE priority = 5 ORDER BY due_at, id LIMIT 1 OFFSET ${offset}`,
  );
  return row!;
};

describe('the claim', () => {
  const source = (claim_rank: number, cursor?: { due_at: string; id: number }): LaneSource => ({
    kind: 'lane',
    lane,
    claim_rank,
    cursor,
  });

  it.each(['without a cursor', 'with a cursor'])('reads its index in order, without a sort, %s', async (how) => {
    const statement = lockDue(db.names, source(5, how === 'with a cursor' ? await nth(100) : undefined), 10);
    expect(await readsOf(statement)).toEqual(['range']);
    const { rows, sorted, reads } = await cost(statement);
    expect([rows, sorted]).toEqual([10, 0]);
    // Two seeks at most and k − 1 steps, with a little room for what the server reads on its own account.
    expect(reads).toBeLessThanOrEqual(14);
  });

  it('begins behind the furthest task of the lane that runs, and does not walk over what others have claimed', async () => {
    const task = db.names.task;
    const [near, far] = [await nth(0), await nth(150)];
    await session.write(`UPDATE ${task} SET status = 'running' WHERE id = ?`, [far.id]);
    const from = { ...source(5, near), frontier: true } as LaneSource;
    const frontier = readFrontier(db.names, from, from.cursor!);
    const candidates = lockDue(db.names, from, 10);
    const firstOf = async () => {
      await session.write(frontier.sql, frontier.values);
      return (await session.rows(candidates.sql, candidates.values))[0]!;
    };
    const first = await firstOf();
    expect([first.due_at, first.id] >= [far.due_at, far.id]).toBe(true);
    expect(await readsOf(candidates)).toEqual(['range']);
    expect((await cost(candidates)).reads).toBeLessThanOrEqual(14);
    // Nothing runs beyond the cursor: it begins at the cursor.
    await session.write(`UPDATE ${task} SET status = 'pending' WHERE id = ?`, [far.id]);
    expect((await firstOf()).id).toBe(near.id);
  });

  it('reads next to nothing in a rank whose rows are all due later', async () => {
    const statement = lockDue(db.names, source(1), 10);
    expect(await readsOf(statement)).toEqual(['range']);
    const { rows, sorted, reads } = await cost(statement);
    expect([rows, sorted]).toEqual([0, 0]);
    expect(reads).toBeLessThanOrEqual(4);
  });

  it('polls for due work and checks a cursor with one seek each', async () => {
    const pairs = [1, 5].map((claim_rank) => ({ lane, claim_rank }));
    const look = dueStatement(db.names, 'd1', pairs);
    expect((await cost(look)).reads).toBeLessThanOrEqual(12);
    const check = cursorCheckStatement(db.names, lane, 5, { due_at: '2100-01-01 00:00:00.000', id: 1 });
    expect(await cost(check)).toMatchObject({ rows: 1, sorted: 0 });
    // Equal columns alone: a range would be followed over the dead entries of the lanes behind an empty one.
    for (const one of [look, check]) expect(new Set(await readsOf(one))).toEqual(new Set(['ref']));
  });

  it('locks only what it takes: a second session gets the next rows at once', async () => {
    const other = await db.session();
    const { sql, values } = lockDue(db.names, source(5), 10);
    await session.write('START TRANSACTION');
    await other.write('START TRANSACTION');
    const first = (await session.rows(sql, values)).map((one) => one.id);
    const second = (await other.rows(sql, values)).map((one) => one.id);
    expect([first.length, second.length]).toEqual([10, 10]);
    expect(first.some((id) => second.includes(id))).toBe(false);
    await session.write('ROLLBACK');
    await other.write('ROLLBACK');
  });
});
