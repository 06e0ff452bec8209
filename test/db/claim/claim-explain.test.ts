import { describe, expect } from 'vitest';
import { cursorCheckStatement } from '../../../src/core/db/claim/check-cursor.ts';
import type { LaneSource } from '../../../src/core/db/claim/claim-source.ts';
import { lockDue, readFrontier } from '../../../src/core/db/claim/statements.ts';
import { dueStatement } from '../../../src/core/db/lanes/due-work.ts';
import { laneKey } from '../../../src/core/domain/lane.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { setTask } from '../../helpers/rows-here.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

useDatabase();
const lane = laneKey('t', null);
type Statement = Parameters<typeof costOf>[1];

// 2,000 due rows of rank 5 behind 2,000 future rows of the better rank 1, and 500 finished ones.
it.beforeEach(async () => {
  const insert = (columns: string, values: string, count: number) =>
    session.write(`INSERT INTO ${names.task} (task_type, ${columns}) SELECT 't', ${values} FROM ${manyRows(count)}`);
  await insert('priority, next_run_at', '9, NOW(3) + INTERVAL 1 DAY', 2000);
  await insert('priority, next_run_at', '5, NOW(3) - INTERVAL a.n SECOND', 2000);
  await insert('status', "'done'", 500);
  await session.rows(`ANALYZE TABLE ${names.task}`);
});

/** How it reads the index, and what that costs; nothing is sorted. */
async function costs(statement: Statement) {
  const plan = (await planOf(session, statement)).filter(({ key }) => key === 'afd_claim');
  for (const one of plan) expect(String(one.Extra)).not.toMatch(/filesort|temporary/i);
  await session.write('START TRANSACTION');
  const { rows, sorted, reads } = await costOf(session, statement);
  await session.write('ROLLBACK');
  expect(sorted).toBe(0);
  return { rows, reads, how: [...new Set(plan.map(({ type }) => type))].join() };
}

const nth = async (offset: number) => {
  const [row] = await session.rows<{ due_at: string; id: number }>(
    `SELECT due_at, id FROM ${names.task} WHERE priority = 5 ORDER BY due_at, id LIMIT 1 OFFSET ${offset}`,
  );
  return row!;
};

describe('the claim', () => {
  const source = (claim_rank: number, cursor?: { due_at: string; id: number }): LaneSource => ({
    ...{ kind: 'lane', lane, claim_rank, cursor },
  });

  it('reads its index in order, without a sort, and next to nothing in a rank whose rows are all due later', async () => {
    for (const cursor of [undefined, await nth(100)]) {
      const { reads, ...found } = await costs(lockDue(names, source(5, cursor), 10));
      expect(found).toEqual({ rows: 10, how: 'range' });
      // Two seeks at most and k − 1 steps, with a little room for what the server reads on its own account.
      expect(reads).toBeLessThanOrEqual(14);
    }
    const { reads, ...found } = await costs(lockDue(names, source(1), 10));
    expect(found).toEqual({ rows: 0, how: 'range' });
    expect(reads).toBeLessThanOrEqual(4);
  });

  it('begins behind the furthest task of the lane that runs, and does not walk over what others have claimed', async () => {
    const [near, far] = [await nth(0), await nth(150)];
    await setTask(far.id, { status: 'running' });
    const from = { ...source(5, near), frontier: true } as LaneSource;
    const frontier = readFrontier(names, from, from.cursor!);
    const candidates = lockDue(names, from, 10);
    const firstOf = async () => {
      await session.write(frontier.sql, frontier.values);
      return (await session.rows(candidates.sql, candidates.values))[0]!;
    };
    const first = await firstOf();
    expect([first.due_at, first.id] >= [far.due_at, far.id]).toBe(true);
    const { reads, how } = await costs(candidates);
    expect(how).toBe('range');
    expect(reads).toBeLessThanOrEqual(14);
    // Nothing runs beyond the cursor: it begins at the cursor.
    await setTask(far.id, { status: 'pending' });
    expect((await firstOf()).id).toBe(near.id);
  });

  it('polls for due work and checks a cursor with one seek each', async () => {
    const pairs = [1, 5].map((claim_rank) => ({ lane, claim_rank }));
    const look = await costs(dueStatement(names, 'd1', pairs));
    expect(look.reads).toBeLessThanOrEqual(12);
    const check = cursorCheckStatement(names, lane, 5, { due_at: '2100-01-01 00:00:00.000', id: 1 });
    // Equal columns alone: a range would be followed over the dead entries of the lanes behind an empty one.
    expect([look, await costs(check)]).toMatchObject([{ how: 'ref' }, { how: 'ref', rows: 1 }]);
  });
});
