// What lies next to the pending entries of afd_claim, and so what a claim or another program's transaction can hold up:
// src/core/db/claim-state.ts has the reasons.
import { expect } from 'vitest';
import { stateIs } from '../../../src/core/db/claim-state.ts';
import { TASK_STATUSES } from '../../../src/core/domain/task/task.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';

useDatabase();
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
