import { describe, expect } from 'vitest';
import { cursorCheckStatement } from '../../../src/core/db/claim/check-cursor.ts';
import type { LaneSource } from '../../../src/core/db/claim/claim-source.ts';
import { lockDue, readFrontier } from '../../../src/core/db/claim/statements.ts';
import { dueStatement } from '../../../src/core/db/lanes/due-work.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
let lane: Buffer;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  const { task } = db.names;
  // 2,000 due rows of rank 5 behind 2,000 future rows of the better rank 1, and 500 finished ones.
  const digits =
    '(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
  const many = (count: number) =>
    `${digits} a, ${digits} b, ${digits} c, ${digits} d WHERE a.n * 1000 + b.n * 100 + c.n * 10 + d.n < ${count}`;
  await session.write(
    `INSERT INTO ${task} (task_type, priority, next_run_at) SELECT 't', 9, NOW(3) + INTERVAL 1 DAY FROM ${many(2000)}`,
  );
  await session.write(
    `INSERT INTO ${task} (task_type, priority, next_run_at) SELECT 't', 5, NOW(3) - INTERVAL a.n SECOND FROM ${many(2000)}`,
  );
  await session.write(`INSERT INTO ${task} (task_type, status) SELECT 't', 'done' FROM ${many(500)}`);
  await session.rows(`ANALYZE TABLE ${task}`);
  lane = (await session.rows(`SELECT lane FROM ${task} LIMIT 1`))[0]!.lane;
});

const counters = async () => {
  const rows = await session.rows(
    "SHOW SESSION STATUS WHERE Variable_name LIKE 'Sort%' OR Variable_name LIKE 'Handler_read%'",
  );
  return new Map(rows.map((one) => [String(one.Variable_name), Number(one.Value)]));
};

async function cost(sql: string, values: unknown[]) {
  const before = await counters();
  await session.write('START TRANSACTION');
  const rows = await session.rows(sql, values);
  await session.write('ROLLBACK');
  const after = await counters();
  const spent = (name: RegExp) =>
    [...after].filter(([key]) => name.test(key)).reduce((sum, [key, value]) => sum + value - (before.get(key) ?? 0), 0);
  return { rows: rows.length, sorted: spent(/^Sort/), reads: spent(/^Handler_read/) };
}

describe('the claim', () => {
  const source = (claim_rank: number, cursor?: { due_at: string; id: number }): LaneSource => ({
    kind: 'lane',
    lane,
    claim_rank,
    cursor,
  });

  it.each([
    ['without a cursor', false],
    ['with a cursor', true],
  ])('reads its index in order, without a sort, %s', async (_, marked) => {
    const [first] = await session.rows(
      `SELECT due_at, id FROM ${db.names.task} WHERE priority = 5 ORDER BY due_at, id LIMIT 1 OFFSET 100`,
    );
    const cursor = marked ? { due_at: String(first!.due_at), id: Number(first!.id) } : undefined;
    const { sql, values } = lockDue(db.names, source(5, cursor), 10);
    // MySQL 9 would answer with a tree otherwise; MariaDB does not know the word.
    const form = session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL';
    const [plan] = await session.rows(`EXPLAIN ${form} ${sql}`, values);
    expect(plan).toMatchObject({ key: 'afd_claim', type: 'range' });
    expect(String(plan!.Extra)).not.toMatch(/filesort|temporary/i);
    const { rows, sorted, reads } = await cost(sql, values);
    expect(rows).toBe(10);
    expect(sorted).toBe(0);
    // Two seeks at most and k − 1 steps, with a little room for what the server reads on its own account.
    expect(reads).toBeLessThanOrEqual(14);
  });

  it('begins behind the furthest task of the lane that runs, and does not walk over what others have claimed', async () => {
    const task = db.names.task;
    const [near, far] = await session
      .rows<{ due_at: string; id: number }>(
        `SELECT due_at, id FROM ${task} WHERE priority = 5 ORDER BY due_at, id LIMIT 2`,
      )
      .then(async ([first]) => [
        first!,
        (
          await session.rows<{ due_at: string; id: number }>(
            `SELECT due_at, id FROM ${task} WHERE priority = 5 ORDER BY due_at, id LIMIT 1 OFFSET 150`,
          )
        )[0]!,
      ]);
    await session.write(`UPDATE ${task} SET status = 'running' WHERE id = ?`, [far!.id]);
    const from = { ...source(5, near), frontier: true } as LaneSource;
    const frontier = readFrontier(db.names, from, from.cursor!);
    const candidates = lockDue(db.names, from, 10);
    await session.write(frontier.sql, frontier.values);
    const form = session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL';
    const [plan] = await session.rows(`EXPLAIN ${form} ${candidates.sql}`, candidates.values);
    expect(plan).toMatchObject({ key: 'afd_claim', type: 'range' });
    expect(String(plan!.Extra)).not.toMatch(/filesort|temporary/i);
    const first = (await session.rows(candidates.sql, candidates.values))[0]!;
    expect([first.due_at, first.id] >= [far!.due_at, far!.id]).toBe(true);
    const { reads } = await cost(candidates.sql, candidates.values);
    expect(reads).toBeLessThanOrEqual(14);
    // Nothing runs beyond the cursor: it begins at the cursor.
    await session.write(`UPDATE ${task} SET status = 'pending' WHERE id = ?`, [far!.id]);
    await session.write(frontier.sql, frontier.values);
    expect((await session.rows(candidates.sql, candidates.values))[0]!.id).toBe(near!.id);
  });

  it('reads next to nothing in a rank whose rows are all due later', async () => {
    const { sql, values } = lockDue(db.names, source(1), 10);
    const { rows, sorted, reads } = await cost(sql, values);
    expect([rows, sorted]).toEqual([0, 0]);
    expect(reads).toBeLessThanOrEqual(4);
  });

  it('polls for due work and checks a cursor with one seek each', async () => {
    const pairs = [1, 5].map((claim_rank) => ({ lane, claim_rank }));
    const look = dueStatement(db.names, 'd1', pairs);
    expect((await cost(look.sql, look.values)).reads).toBeLessThanOrEqual(12);
    const check = cursorCheckStatement(db.names, lane, 5, { due_at: '2100-01-01 00:00:00.000', id: 1 });
    expect(await cost(check.sql, check.values)).toMatchObject({ rows: 1, sorted: 0 });
    // Equal columns alone: a range would be followed over the dead entries of the lanes behind an empty one.
    const form = session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL';
    for (const one of [look, check]) {
      const plan = await session.rows(`EXPLAIN ${form} ${one.sql}`, one.values);
      const reads = plan.filter(({ key }) => key === 'afd_claim');
      expect(reads.length).toBeGreaterThan(0);
      for (const read of reads) {
        expect(read.type).toBe('ref');
        expect(String(read.Extra)).not.toMatch(/filesort|temporary/i);
      }
    }
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
