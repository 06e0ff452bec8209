import { describe, expect, vi } from 'vitest';
import { cursorCheckStatement } from '../../../src/core/db/claim/check-cursor.ts';
import type { LaneSource } from '../../../src/core/db/claim/claim-source.ts';
import type { ClaimedTask } from '../../../src/core/db/claim/claimed-task.ts';
import { countDue, lockDue, readFrontier } from '../../../src/core/db/claim/statements.ts';
import { type ClaimRequest, firstRead, takeTasks } from '../../../src/core/db/claim/take-tasks.ts';
import { stateIs } from '../../../src/core/db/claim-state.ts';
import { dueStatement } from '../../../src/core/db/lanes/due-work.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { TASK_STATUSES } from '../../../src/core/domain/task/task.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask, setTask } from '../../helpers/rows-here.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

useDatabase();

/** Adds `count` due tasks of a type, and returns them as a source. */
async function laneOf(task_type: string, count: number, priority = 5): Promise<LaneSource> {
  for (let n = 0; n < count; n += 1) await addTask({ task_type, priority });
  return { kind: 'lane', lane: laneKey(task_type, null), claim_rank: claimRank(priority), cursor: undefined };
}

const claimOf = (sources: LaneSource[], limit: number, over: Partial<ClaimRequest> = {}): ClaimRequest => ({
  ...{ claim_token: Buffer.alloc(16), limit, free: limit, short: limit, alone: false },
  ...{ sources, countFirst: true, ticket: false, leaseOf: () => 60, admit: () => 'record' },
  mostFrom: () => Number.POSITIVE_INFINITY,
  ...over,
});

/** Asks and takes as the hot transaction does, and returns how many locking reads it sent. */
async function ask(claim: ClaimRequest, on = session) {
  const taken: ClaimedTask[] = [];
  await on.write('ROLLBACK');
  await on.write('START TRANSACTION');
  const [answer] = await on.batch(firstRead(names, claim));
  const sent = vi.spyOn(on, 'batch');
  const yielded = await takeTasks(on, names, claim, answer!, taken);
  const reads = sent.mock.calls.flatMap(([statements]) => statements).length;
  sent.mockRestore();
  return { yielded, reads, types: taken.map((one) => one.task_type).join('') };
}

it('a claim that counts its lanes first takes what each has, in their order, and locks nothing of those that are empty', async () => {
  const sources = [await laneOf('a', 0), await laneOf('b', 2), await laneOf('c', 0), await laneOf('d', 1)];
  const yielded = [0, 2, 0, 1].map((count) => ({ count, exhausted: true }));
  expect(await ask(claimOf(sources, 50))).toEqual({ types: 'bbd', reads: 2, yielded });
  expect(await ask(claimOf([sources[0]!, sources[2]!], 50))).toMatchObject({ types: '', reads: 0 });
});

it('a claim that counts its lanes first stops at its limit, and passes over no rank that has more than it asked for', async () => {
  const sources = [await laneOf('a', 3), await laneOf('b', 2), await laneOf('c', 1, 6)];
  const most = (one: LaneSource) => (one === sources[0] ? 2 : Number.POSITIVE_INFINITY);
  const yielded = (...counts: Array<[number, boolean]>) => counts.map(([count, exhausted]) => ({ count, exhausted }));
  expect(await ask(claimOf(sources, 4))).toMatchObject({ types: 'aaab', yielded: yielded([3, true], [1, false]) });
  const few = claimOf(sources, 50, { mostFrom: most });
  expect(await ask(few)).toMatchObject({ types: 'aabb', yielded: yielded([2, false], [2, true]) });
  expect((await ask(claimOf(sources, 50))).types).toBe('aaabbc');
});

it('a claim that counts its lanes first takes nothing that another claim holds, and the rows behind it', async () => {
  const sources = [await laneOf('a', 4), await laneOf('b', 1)];
  await ask(claimOf(sources, 2), await db.session());
  const { types, yielded } = await ask(claimOf(sources, 50));
  expect(types).toBe('aab');
  // Fewer than were counted: nothing more is to be had there now, and the other will say when it gives them back.
  expect(yielded[0]).toEqual({ count: 2, exhausted: true });
});

it('a claim that counts its lanes first reads the index in its order, and only as far as it counts', async () => {
  const statement = countDue(names, [await laneOf('a', 100), await laneOf('b', 30)], [10, 64]);
  await session.rows(`ANALYZE TABLE ${names.task}`);
  const plan = await planOf(session, statement);
  const reads = plan.filter((one) => one.key === 'afd_claim').map((one) => String(one.type));
  expect(reads.sort()).toEqual(['range', 'range', 'ref', 'ref']);
  for (const one of plan) expect(String(one.Extra)).not.toMatch(/filesort/i);
  const rows = await session.rows(statement.sql, statement.values);
  expect(rows.map((one) => Number(one.due)).sort()).toEqual([10, 30]);
});

const inOrder = (columns: string) =>
  session.rows(
    `SELECT ${columns} FROM ${names.task} FORCE INDEX (afd_claim) ORDER BY claim_state, lane, claim_rank, due_at, id`,
  );

it('no entry of a task lies before the pending ones, and only those of finished tasks right behind them', async () => {
  const tasks = TASK_STATUSES.map((status) => ['t', status]);
  await session.write(`INSERT INTO ${names.task} (task_type, status) VALUES ?`, [tasks]);
  const rows = await inOrder('status');
  // What every claim writes is the farthest from what every claim reads.
  expect([rows[0], rows[1], rows.at(-1)].map((row) => row?.status)).toEqual(['pending', 'done', 'running']);
  expect(rows).toHaveLength(TASK_STATUSES.length);
  for (const status of TASK_STATUSES)
    expect(await session.rows(`SELECT status FROM ${names.task} WHERE ${stateIs(status)}`)).toEqual([{ status }]);
});

it('of the finished ones the newest day comes first, so that a clearing of old ones leaves the first', async () => {
  const days = ['2026-11-02', '0000-00-00', '2026-11-01', '9999-12-31', '2026-11-03'];
  await session.write(`SET SESSION sql_mode = ''`);
  const tasks = days.map((day) => ['t', 'done', day]);
  await session.write(`INSERT INTO ${names.task} (task_type, status, next_run_at) VALUES ?`, [tasks]);
  const found = await inOrder('LEFT(CAST(next_run_at AS CHAR), 10) AS day');
  expect(found.map(({ day }) => day)).toEqual(days.sort().reverse());
});

const lane = laneKey('t', null);
type Statement = Parameters<typeof costOf>[1];

/** 2,000 due rows of rank 5 behind 2,000 future rows of the better rank 1, and 500 finished ones. */
async function fill() {
  const insert = (columns: string, values: string, count: number) =>
    session.write(`INSERT INTO ${names.task} (task_type, ${columns}) SELECT 't', ${values} FROM ${manyRows(count)}`);
  await insert('priority, next_run_at', '9, NOW(3) + INTERVAL 1 DAY', 2000);
  await insert('priority, next_run_at', '5, NOW(3) - INTERVAL a.n SECOND', 2000);
  await insert('status', "'done'", 500);
  await session.rows(`ANALYZE TABLE ${names.task}`);
}

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
    await fill();
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
    await fill();
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
    await fill();
    const pairs = [1, 5].map((claim_rank) => ({ lane, claim_rank }));
    const look = await costs(dueStatement(names, 'd1', pairs));
    expect(look.reads).toBeLessThanOrEqual(12);
    const check = cursorCheckStatement(names, lane, 5, { due_at: '2100-01-01 00:00:00.000', id: 1 });
    // Equal columns alone: a range would be followed over the dead entries of the lanes behind an empty one.
    expect([look, await costs(check)]).toMatchObject([{ how: 'ref' }, { how: 'ref', rows: 1 }]);
  });
});
