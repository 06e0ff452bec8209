import { expect, vi } from 'vitest';
import type { LaneSource } from '../../../src/core/db/claim/claim-source.ts';
import type { ClaimedTask } from '../../../src/core/db/claim/claimed-task.ts';
import { countDue } from '../../../src/core/db/claim/statements.ts';
import { type ClaimRequest, firstRead, takeTasks } from '../../../src/core/db/claim/take-tasks.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask } from '../../helpers/rows-here.ts';
import { planOf } from '../../helpers/statement-cost.ts';

useDatabase();

/** Adds `count` due tasks of a type, and returns them as a source. */
async function lane(task_type: string, count: number, priority = 5): Promise<LaneSource> {
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
  const sources = [await lane('a', 0), await lane('b', 2), await lane('c', 0), await lane('d', 1)];
  const yielded = [0, 2, 0, 1].map((count) => ({ count, exhausted: true }));
  expect(await ask(claimOf(sources, 50))).toEqual({ types: 'bbd', reads: 2, yielded });
  expect(await ask(claimOf([sources[0]!, sources[2]!], 50))).toMatchObject({ types: '', reads: 0 });
});

it('a claim that counts its lanes first stops at its limit, and passes over no rank that has more than it asked for', async () => {
  const sources = [await lane('a', 3), await lane('b', 2), await lane('c', 1, 6)];
  const most = (one: LaneSource) => (one === sources[0] ? 2 : Number.POSITIVE_INFINITY);
  const yielded = (...counts: Array<[number, boolean]>) => counts.map(([count, exhausted]) => ({ count, exhausted }));
  expect(await ask(claimOf(sources, 4))).toMatchObject({ types: 'aaab', yielded: yielded([3, true], [1, false]) });
  const few = claimOf(sources, 50, { mostFrom: most });
  expect(await ask(few)).toMatchObject({ types: 'aabb', yielded: yielded([2, false], [2, true]) });
  expect((await ask(claimOf(sources, 50))).types).toBe('aaabbc');
});

it('a claim that counts its lanes first takes nothing that another claim holds, and the rows behind it', async () => {
  const sources = [await lane('a', 4), await lane('b', 1)];
  await ask(claimOf(sources, 2), await db.session());
  const { types, yielded } = await ask(claimOf(sources, 50));
  expect(types).toBe('aab');
  // Fewer than were counted: nothing more is to be had there now, and the other will say when it gives them back.
  expect(yielded[0]).toEqual({ count: 2, exhausted: true });
});

it('a claim that counts its lanes first reads the index in its order, and only as far as it counts', async () => {
  const statement = countDue(names, [await lane('a', 100), await lane('b', 30)], [10, 64]);
  await session.rows(`ANALYZE TABLE ${names.task}`);
  const plan = await planOf(session, statement);
  const reads = plan.filter((one) => one.key === 'afd_claim').map((one) => String(one.type));
  expect(reads.sort()).toEqual(['range', 'range', 'ref', 'ref']);
  for (const one of plan) expect(String(one.Extra)).not.toMatch(/filesort/i);
  const rows = await session.rows(statement.sql, statement.values);
  expect(rows.map((one) => Number(one.due)).sort()).toEqual([10, 30]);
});
