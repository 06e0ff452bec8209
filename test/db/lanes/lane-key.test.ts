// The lane that the sender of a ring names must be the one that the database computed, or a ring finds nothing.
import { expect } from 'vitest';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { spellJsonStatement } from '../../../src/core/db/tasks/spell-json.ts';
import { requirementsText } from '../../../src/core/db/tasks/task-values.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { taskRow } from '../../helpers/rows-here.ts';

useDatabase();

it.each([
  ['sync_data', null, null],
  ['a|b', 1, {}],
  ['抓取', 10, { zone: 'eu', a: 1, bb: [1, 'x', null], c: { prefer: ['北京', 'é'] } }],
  ['sync_data', 5, { memory_gb: 1.5, big: 12345678901, tiny: 1e-7, quoted: 'say "no"\n' }],
])('lane and rank of a task %s of priority %s that asks for %j', async (task_type, priority, required_capabilities) => {
  const task = { task_type, required_capabilities, priority };
  const [added] = await insertTasks(session, names, [task], { maxRetryCount: 3 });
  const row = await taskRow(added!.task_id);
  let text = requirementsText(task);
  if (text !== null && !session.facts.isMariaDb) {
    const { sql, values } = spellJsonStatement([text]);
    text = String((await session.rows(sql, values))[0]?.text_0);
  }
  expect(laneKey(task_type, text).toString('hex')).toBe(row.lane.toString('hex'));
  expect(claimRank(priority)).toBe(row.claim_rank);
});
