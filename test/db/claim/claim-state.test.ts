// What lies next to the pending entries of afd_claim, and so what a claim or another program's transaction can hold up:
// src/core/db/claim-state.ts has the reasons.
import { expect } from 'vitest';
import { stateIs } from '../../../src/core/db/claim-state.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { TASK_STATUSES, type TaskStatus } from '../../../src/core/domain/task/task.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await session.write(`INSERT INTO ${db.names.task} (task_type, status) VALUES ?`, [
    TASK_STATUSES.map((status) => ['t', status]),
  ]);
});

it('no entry of a task lies before the pending ones, and only those of finished tasks right behind them', async () => {
  const rows = await session.rows<{ status: TaskStatus }>(
    `SELECT status FROM ${db.names.task} FORCE INDEX (afd_claim) ORDER BY claim_state, lane, claim_rank, due_at, id`,
  );
  expect(rows[0]?.status).toBe('pending');
  expect(rows[1]?.status).toBe('done');
  // What every claim writes: the farthest from what every claim reads.
  expect(rows.at(-1)?.status).toBe('running');
  expect(rows).toHaveLength(TASK_STATUSES.length);
});

it('of the finished ones the newest day comes first, so that a clearing of old ones leaves the first', async () => {
  await session.write(`DELETE FROM ${db.names.task}`);
  const days = ['2026-11-02', '0000-00-00', '2026-11-01', '9999-12-31', '2026-11-03'];
  await session.write(`SET SESSION sql_mode = ''`);
  for (const day of days) {
    await session.write(`INSERT INTO ${db.names.task} (task_type, status, next_run_at) VALUES ('t', 'done', ?)`, [day]);
  }
  const rows = await session.rows<{ day: string }>(
    `SELECT LEFT(CAST(next_run_at AS CHAR), 10) AS day FROM ${db.names.task} FORCE INDEX (afd_claim)
     ORDER BY claim_state, lane, claim_rank, due_at, id`,
  );
  expect(rows.map(({ day }) => day)).toEqual(['9999-12-31', '2026-11-03', '2026-11-02', '2026-11-01', '0000-00-00']);
});

it.each(TASK_STATUSES)('a condition on %s finds it and nothing else', async (status) => {
  expect(await session.rows(`SELECT status FROM ${db.names.task} WHERE ${stateIs(status)}`)).toEqual([{ status }]);
});
