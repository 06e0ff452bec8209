// The lane that the sender of a ring names must be the one that the database computed, or a ring finds nothing.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { spellJsonStatement } from '../../../src/core/db/tasks/spell-json.ts';
import { requirementsText } from '../../../src/core/db/tasks/task-values.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';

let db: TestDatabase;
let session: Session;
beforeAll(async () => {
  db = await testDatabase();
  session = await db.session();
});
afterAll(() => db.close());

const REQUIREMENTS = [
  null,
  {},
  { browser: true },
  { zone: 'eu', a: 1, bb: [1, 'x', null], c: { prefer: ['北京', 'é'] } },
  { memory_gb: 1.5, big: 12345678901, tiny: 1e-7, quoted: 'say "no"\n' },
];

it.each(REQUIREMENTS)('lane and rank of a task that asks for %j', async (required_capabilities) => {
  for (const [task_type, priority] of [
    ['sync_data', null],
    ['抓取', 10],
    ['a|b', 1],
  ] as const) {
    const task = { task_type, required_capabilities, priority };
    const [added] = await insertTasks(session, db.names, [task], { maxRetryCount: 3 });
    const [row] = await session.rows<{ lane: Buffer; claim_rank: number }>(
      `SELECT lane, claim_rank FROM ${db.names.task} WHERE id = ?`,
      [added!.task_id],
    );
    const sent = requirementsText(task);
    let text = sent;
    if (sent !== null && !session.facts.isMariaDb) {
      const { sql, values } = spellJsonStatement([sent]);
      text = String((await session.rows(sql, values))[0]?.text_0);
    }
    expect(laneKey(task_type, text).toString('hex')).toBe(row!.lane.toString('hex'));
    expect(claimRank(priority)).toBe(row!.claim_rank);
  }
});
