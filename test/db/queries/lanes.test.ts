import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { peekLanes } from '../../../src/core/db/queries/peek-lanes.ts';
import { publishLanes } from '../../../src/core/db/queries/publish-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';

let db: TestDatabase;
let session: Session;

beforeEach(async () => {
  db = await testDatabase();
  session = await db.session();
});
afterEach(() => db.close());

const task = (columns: Record<string, unknown>) => insertTask(session, db.names, columns);
const peek = (maxPairs?: number) => peekLanes(session, db.names, maxPairs);
const PAST = '2020-01-01 00:00:00.000';

describe('peek', () => {
  test('nothing pending is no heads', async () => {
    await task({ status: 'running' });
    await task({ status: 'done' });
    expect(await peek()).toEqual([]);
  });

  test('gives one head per lane and rank: the first due, then the first id', async () => {
    await task({ task_type: 'x', next_run_at: '2020-01-02 00:00:00' });
    const head = await task({ task_type: 'x', next_run_at: PAST });
    await task({ task_type: 'x', next_run_at: PAST });
    const urgent = await task({ task_type: 'x', priority: 10 });
    const needy = await task({ task_type: 'x', required_capabilities: '{"browser":true}' });
    const other = await task({ task_type: 'y' });
    const heads = await peek();
    expect(heads.map((h) => h.id).sort()).toEqual([head, urgent, needy, other].sort());
    expect(new Set(heads.map((h) => h.lane.toString('hex'))).size).toBe(3);
    const found = heads.find((h) => h.id === head);
    expect(found).toMatchObject({ task_type: 'x', claim_rank: 5, due_at: PAST, required_capabilities: null });
    expect(heads.find((h) => h.id === urgent)?.claim_rank).toBe(0);
    expect(JSON.parse(heads.find((h) => h.id === needy)?.required_capabilities ?? '')).toEqual({ browser: true });
  });

  test('keeps a head that is due later', async () => {
    const id = await task({ next_run_at: '2099-01-01 00:00:00' });
    expect(await peek()).toMatchObject([{ id, due_at: '2099-01-01 00:00:00.000' }]);
  });

  test('stops at the number of pairs it was given', async () => {
    for (let n = 0; n < 5; n += 1) await task({ task_type: `t${n}` });
    expect(await peek(3)).toHaveLength(3);
  });

  test('reads the index in its order: no sort', async () => {
    for (let n = 0; n < 50; n += 1) await task({ task_type: `t${n % 5}`, priority: n % 10 });
    const plan = await session.rows(
      `EXPLAIN ${session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL'} SELECT lane, claim_rank, due_at, id, task_type, required_capabilities
       FROM ${db.names.task} FORCE INDEX (afd_claim)
       WHERE status = 'pending' AND (lane > ? OR (lane = ? AND claim_rank > ?))
       ORDER BY lane, claim_rank, due_at, id LIMIT 1`,
      [Buffer.alloc(16), Buffer.alloc(16), -1],
    );
    expect(plan).toHaveLength(1);
    expect(plan[0]).toMatchObject({ key: 'afd_claim' });
    expect(String(plan[0]?.Extra)).not.toMatch(/filesort|temporary/);
  });
});

describe('publish', () => {
  const published = () => session.rows(`SELECT * FROM ${db.names.lane} ORDER BY task_type, claim_rank`);

  test('overwrites the table whole: new pairs in, changed heads changed, vanished pairs out', async () => {
    await task({ task_type: 'x' });
    const gone = await task({ task_type: 'y' });
    expect(await publishLanes(session, db.names, await peek())).toBe(0);
    const head = await task({ task_type: 'x', next_run_at: PAST });
    await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [gone]);
    await task({ task_type: 'z', required_capabilities: '{"cpu":4}' });
    expect(await publishLanes(session, db.names, await peek())).toBe(1);
    const rows = await published();
    expect(rows.map((row) => row.task_type)).toEqual(['x', 'z']);
    expect(rows[0]).toMatchObject({ head_id: head, head_due_at: PAST });
    expect(new Set(rows.map((row) => row.published_at)).size).toBe(1);
  });

  test('nothing pending empties the table', async () => {
    await task({});
    await publishLanes(session, db.names, await peek());
    expect(await publishLanes(session, db.names, [])).toBe(1);
    expect(await published()).toEqual([]);
  });
});
