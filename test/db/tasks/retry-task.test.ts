import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { retryTask } from '../../../src/core/db/tasks/retry-task.ts';
import { type RetryFilter, retryableTasks } from '../../../src/core/db/tasks/retry-tasks.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import { taskStates } from '../../../src/core/db/tasks/task-states.ts';
import { TASK_STATUSES, type TaskStatus } from '../../../src/core/domain/task/task.ts';
import { canMove } from '../../../src/core/domain/task/task-state.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertRunning, insertTask, readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let database: TestDatabase;
let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db: database, session } = given);
  names = database.names;
});

const retry = (id: number, options = {}) => retryTask(session, names, id, options);

describe('retrying a task', () => {
  const ended = async () => {
    const attempt = await insertRunning(session, names, 'worker-1');
    await session.write(`UPDATE ${names.assignment} SET status = 'failed', error_message = 'boom'`);
    await session.write(`UPDATE ${names.task} SET status = 'failed'`);
    return attempt;
  };

  it.each(['failed', 'cancelled'])(
    'that is %s makes it due now with a new budget; the attempt goes on',
    async (status) => {
      const kept = { attempt: 5, last_error: 'boom' };
      const spent = { retry: 4, lost_count: 3, next_run_at: '2037-01-01', finished_at: '2024-01-01' };
      const id = await insertTask(session, names, { status, ...kept, ...spent, target_device_id: 'worker-1' });
      expect(await retry(id)).toEqual({ task_id: id, status: 'pending', attempt: 5 });
      expect(await readRow(session, names.task, id)).toMatchObject({
        ...kept,
        status: 'pending',
        retry: 0,
        lost_count: 0,
        finished_at: null,
        target_device_id: null,
        claim_token: null,
      });
      expect(await session.rows(`SELECT id FROM ${names.task} WHERE due_at <= NOW(3)`)).toEqual([{ id }]);
    },
  );

  it('B6 keeps the rows of its earlier attempts', async () => {
    const { task_id, assignment_id } = await ended();
    const before = await readRow(session, names.assignment, assignment_id);
    await retry(task_id);
    expect(await readRow(session, names.assignment, assignment_id)).toEqual(before);
  });

  it('of an attempt that failed by itself does not make it one that was revoked', async () => {
    const { task_id } = await ended();
    await retry(task_id, { by: 'ada@ops' });
    expect((await showTask(session, names, task_id)).assignments).toMatchObject([
      { status: 'failed', revoked_at: null, revoke_outcome: null, revoked_by: 'retried by ada@ops' },
    ]);
  });

  it('says with the last attempt who did it, behind who had asked for its end, and no more than there is room for', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1');
    await cancelTask(session, names, task_id, { force: true, by: 'ada@ops' });
    await retry(task_id, { by: 'bob@ops: the partner is back' });
    const attempt = async () => (await showTask(session, names, task_id)).assignments[0]!;
    expect((await attempt()).revoked_by).toBe('ada@ops; retried by bob@ops: the partner is back');
    await reassignTask(session, names, task_id, { by: 'cy@ops' });
    await cancelTask(session, names, task_id, { by: 'di@ops' });
    expect((await attempt()).revoked_by).toMatch(/; moved by cy@ops; cancelled by di@ops$/);
    await retry(task_id, { by: 'x'.repeat(495) });
    expect((await attempt()).revoked_by).toHaveLength(500);
    expect(await readRow(session, names.assignment, assignment_id)).toMatchObject({ status: 'cancelled' });
  });

  it('C1 that waits between two tries ends its wait', async () => {
    const id = await insertTask(session, names, { attempt: 2, retry: 2, next_run_at: '2037-01-01' });
    await retry(id);
    expect(await session.rows(`SELECT retry FROM ${names.task} WHERE due_at <= NOW(3)`)).toEqual([{ retry: 0 }]);
  });

  it('that was never tried is a conflict: a time it was planned for stays', async () => {
    const id = await insertTask(session, names, { next_run_at: '2037-01-01' });
    const before = await readRow(session, names.task, id);
    await expect(retry(id)).rejects.toMatchObject({ code: 'E_CONFLICT' });
    expect(await readRow(session, names.task, id)).toEqual(before);
  });

  it('that is done needs force', async () => {
    const id = await insertTask(session, names, { status: 'done', attempt: 1, finished_at: '2026-01-01 00:00:00' });
    await expect(retry(id)).rejects.toMatchObject({
      code: 'E_CONFLICT',
      suggestions: [`afd tasks retry ${id} --force`],
    });
    expect(await retry(id, { force: true })).toMatchObject({ status: 'pending' });
    expect(await readRow(session, names.task, id)).toMatchObject({ status: 'pending', finished_at: null });
  });

  it('that is running is a conflict that names its device, with force too', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-1');
    for (const force of [false, true]) {
      await expect(retry(task_id, { force })).rejects.toMatchObject({
        code: 'E_CONFLICT',
        message: `Task ${task_id} is running on worker-1.`,
      });
    }
  });

  it('that does not exist is not found', async () => {
    await expect(retry(999_999)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('that is no longer in the status it was asked for is a conflict, and unchanged', async () => {
    const id = await insertTask(session, names, { attempt: 1, retry: 2, next_run_at: '2037-01-01' });
    const before = await readRow(session, names.task, id);
    await expect(retry(id, { only: 'failed' })).rejects.toMatchObject({
      code: 'E_CONFLICT',
      message: `Task ${id} is pending, no longer failed.`,
    });
    expect(await readRow(session, names.task, id)).toEqual(before);
  });

  it.each(TASK_STATUSES)('that is %s moves as the transition table says', async (status: TaskStatus) => {
    const id =
      status === 'running'
        ? (await insertRunning(session, names, 'w')).task_id
        : await insertTask(session, names, { status });
    const moved = await retry(id, { force: true }).then(
      () => true,
      () => false,
    );
    expect((await readRow(session, names.task, id))?.status).toBe(moved ? 'pending' : status);
    expect(moved).toBe(['failed', 'cancelled', 'done'].includes(status) && canMove(status, 'pending'));
  });
});

describe('the tasks that may be retried', () => {
  const add = (status: string, columns = {}) => insertTask(session, names, { status, attempt: 1, ...columns });
  const find = (filter: Partial<RetryFilter> = {}, of = session) =>
    retryableTasks(of, names, { status: 'failed', limit: 100, ...filter });

  it('finds by status and type, oldest first, up to a limit; without a match the list is empty', async () => {
    const [a, , c] = [await add('failed'), await add('cancelled'), await add('failed', { task_type: 't' })];
    expect(await find()).toEqual([a, c]);
    expect(await find({ task_type: 't' })).toEqual([c]);
    expect(await find({ limit: 1 })).toEqual([a]);
    expect(await find({ task_type: 'none' })).toEqual([]);
  });

  it('E1 --since is the same instant in every zone of the session', async () => {
    const ours = await add('failed', { finished_at: '2026-01-01 12:00:00.000' });
    const west = await database.session({ timeZone: '-08:00' });
    // 12:00 UTC as a program in that zone writes it.
    const foreign = await add('failed', { updated_at: '2026-01-01 04:00:00' });
    expect(await find({ since: '2026-01-01T12:00:00.000Z' }, west)).toEqual([ours, foreign]);
    expect(await find({ since: '2026-01-01T12:00:01.000Z' }, west)).toEqual([]);
  });

  it('the states of tasks come by id; what does not exist is missing, and no ids are no question', async () => {
    const id = await add('failed', { last_error: 'boom', finished_at: '2026-01-01 12:00:00.000' });
    expect(await taskStates(session, names, [999_999, id])).toEqual([
      { task_id: id, status: 'failed', attempt: 1, last_error: 'boom', finished_at: '2026-01-01T12:00:00.000Z' },
    ]);
    expect(await taskStates(session, names, [])).toEqual([]);
  });
});
