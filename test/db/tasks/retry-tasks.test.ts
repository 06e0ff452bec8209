import { expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { retryTask } from '../../../src/core/db/tasks/retry-task.ts';
import { type RetryFilter, retryableTasks } from '../../../src/core/db/tasks/retry-tasks.ts';
import { taskStates } from '../../../src/core/db/tasks/task-states.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask, readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const add = (status: string, columns = {}) => insertTask(session, db.names, { status, attempt: 1, ...columns });
const find = (filter: Partial<RetryFilter> = {}, of = session) =>
  retryableTasks(of, db.names, { status: 'failed', limit: 100, ...filter });

it('finds by status and type, oldest first, up to a limit; without a match the list is empty', async () => {
  const [a, , c] = [await add('failed'), await add('cancelled'), await add('failed', { task_type: 't' })];
  expect(await find()).toEqual([a, c]);
  expect(await find({ task_type: 't' })).toEqual([c]);
  expect(await find({ limit: 1 })).toEqual([a]);
  expect(await find({ task_type: 'none' })).toEqual([]);
});

it('E1 --since is the same instant in every zone of the session', async () => {
  const ours = await add('failed', { finished_at: '2026-01-01 12:00:00.000' });
  const west = await db.session({ timeZone: '-08:00' });
  // 12:00 UTC as a program in that zone writes it.
  const foreign = await add('failed', { updated_at: '2026-01-01 04:00:00' });
  expect(await find({ since: '2026-01-01T12:00:00.000Z' }, west)).toEqual([ours, foreign]);
  expect(await find({ since: '2026-01-01T12:00:01.000Z' }, west)).toEqual([]);
});

it('a task that is no longer in that status is a conflict, and unchanged', async () => {
  const id = await add('pending', { retry: 2, next_run_at: '2037-01-01' });
  const before = await readRow(session, db.names.task, id);
  await expect(retryTask(session, db.names, id, { only: 'failed' })).rejects.toMatchObject({
    code: 'E_CONFLICT',
    message: `Task ${id} is pending, no longer failed.`,
  });
  expect(await readRow(session, db.names.task, id)).toEqual(before);
});

it('the states of tasks come by id; what does not exist is missing, and no ids are no question', async () => {
  const id = await add('failed', { last_error: 'boom', finished_at: '2026-01-01 12:00:00.000' });
  expect(await taskStates(session, db.names, [999_999, id])).toEqual([
    { task_id: id, status: 'failed', attempt: 1, last_error: 'boom', finished_at: '2026-01-01T12:00:00.000Z' },
  ]);
  expect(await taskStates(session, db.names, [])).toEqual([]);
});
