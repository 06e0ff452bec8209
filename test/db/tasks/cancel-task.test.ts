import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { TASK_STATUSES, type TaskStatus } from '../../../src/core/domain/task/task.ts';
import { canMove } from '../../../src/core/domain/task/task-state.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertRunning, insertTask, readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { until } from '../../helpers/wait.ts';

let database: TestDatabase;
let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db: database, session } = given);
  names = database.names;
});

const cancel = (id: number, options = {}) => cancelTask(session, names, id, options);
const taskRow = (id: number) => readRow(session, names.task, id);
const attemptRow = (id: number) => readRow(session, names.assignment, id);

describe('cancelling a task', () => {
  it.each(['pending', 'assigned', 'waiting'])('that is %s ends it at once', async (status) => {
    const id = await insertTask(session, names, { status, target_device_id: 'worker-1', retry: 2, last_error: 'old' });
    const ended = { task_id: id, status: 'cancelled', revoking: false, already: false, device_id: null };
    expect(await cancel(id)).toEqual(ended);
    const after = { status: 'cancelled', target_device_id: null, retry: 2, last_error: 'old' };
    expect(await taskRow(id)).toMatchObject({ ...after, finished_at: expect.any(String) });
  });

  it('that is running asks its holder to end it, and leaves the task to the holder', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1');
    const before = await taskRow(task_id);
    const asked = { task_id, status: 'running', revoking: true, already: false, device_id: 'worker-1' };
    expect(await cancel(task_id)).toEqual(asked);
    expect(await taskRow(task_id)).toEqual(before);
    expect(await attemptRow(assignment_id)).toMatchObject({
      status: 'running',
      revoke_outcome: 'cancelled',
      completed_at: null,
      revoked_at: expect.any(String),
    });
  });

  it('twice is harmless: the first request and its time stay', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1');
    await cancel(task_id);
    const first = await attemptRow(assignment_id);
    expect(await cancel(task_id)).toMatchObject({ revoking: true, already: true });
    expect(await attemptRow(assignment_id)).toEqual(first);
    const id = await insertTask(session, names);
    await cancel(id);
    const row = await taskRow(id);
    expect(await cancel(id)).toMatchObject({ status: 'cancelled', already: true });
    expect(await taskRow(id)).toEqual(row);
  });

  it('wins over a reassignment that its holder has not obeyed yet', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1', {
      target_device_id: 'worker-2',
    });
    await session.write(
      `UPDATE ${names.assignment} SET revoked_at = '2024-01-01', revoke_outcome = 'released' WHERE id = ?`,
      [assignment_id],
    );
    expect(await cancel(task_id)).toMatchObject({ revoking: true, already: false });
    expect(await attemptRow(assignment_id)).toMatchObject({
      revoke_outcome: 'cancelled',
      revoked_at: '2024-01-01 00:00:00.000',
    });
  });

  it("with force ends the attempt in its holder's place, so that what the holder still says is fenced", async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'dead', { retry: 1 });
    expect(await cancel(task_id, { force: true })).toMatchObject({ status: 'cancelled', revoking: false });
    expect(await taskRow(task_id)).toMatchObject({ status: 'cancelled', claim_token: null, retry: 1 });
    const ended = { status: 'cancelled', cause: 'operator', revoke_outcome: 'cancelled' };
    expect(await attemptRow(assignment_id)).toMatchObject({ ...ended, completed_at: expect.any(String) });
  });

  it.each(['done', 'failed'])('that is %s is a conflict and changes nothing, with force too', async (status) => {
    const id = await insertTask(session, names, { status });
    const before = await taskRow(id);
    const refusal = { code: 'E_CONFLICT', exitCode: 5, data: { status } };
    for (const force of [false, true]) await expect(cancel(id, { force })).rejects.toMatchObject(refusal);
    expect(await taskRow(id)).toEqual(before);
  });

  it('that another program set to running is a conflict; with force it is cancelled', async () => {
    const id = await insertTask(session, names, { status: 'running', attempt: 0 });
    await expect(cancel(id)).rejects.toMatchObject({
      code: 'E_CONFLICT',
      suggestions: [`afd tasks cancel ${id} --force`],
    });
    expect(await cancel(id, { force: true })).toMatchObject({ status: 'cancelled', device_id: null });
  });

  it('that does not exist is not found', async () => {
    await expect(cancel(999_999)).rejects.toMatchObject({ code: 'E_NOT_FOUND', exitCode: 3 });
  });

  it('G1 is never a success when the database is gone', async () => {
    const id = await insertTask(session, names);
    const lost = await database.session();
    lost.destroy();
    await expect(cancelTask(lost, names, id)).rejects.toMatchObject({ code: 'E_DATABASE' });
    expect(await taskRow(id)).toMatchObject({ status: 'pending' });
  });

  it.each(TASK_STATUSES)('that is %s moves as the transition table says', async (status: TaskStatus) => {
    const id =
      status === 'running'
        ? (await insertRunning(session, names, 'w')).task_id
        : await insertTask(session, names, { status });
    await cancel(id, { force: true }).catch((error) => expect(error).toMatchObject({ code: 'E_CONFLICT' }));
    const after = (await taskRow(id))?.status;
    expect(after).toBe(canMove(status, 'cancelled') || status === 'cancelled' ? 'cancelled' : status);
  });
});

it('a claim that comes first is met as running, not overwritten', async () => {
  const id = await insertTask(session, names);
  const worker = await database.session();
  await worker.write('START TRANSACTION');
  await worker.write(`UPDATE ${names.task} SET status = 'running', attempt = 1, claim_token = ? WHERE id = ?`, [
    Buffer.alloc(16, 1),
    id,
  ]);
  const waiting = cancel(id);
  const waits = async () =>
    (await worker.rows('SHOW FULL PROCESSLIST')).some(
      (one) => Number(one.Id) === session.facts.connectionId && String(one.Info).includes('FOR UPDATE'),
    );
  await Promise.race([waiting, until(waits)]);
  await worker.write(
    `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, deadline_at)
     VALUES (?, 'worker-1', 1, ?, UTC_TIMESTAMP(3))`,
    [id, Buffer.alloc(16, 1)],
  );
  await worker.write('COMMIT');
  expect(await waiting).toMatchObject({ status: 'running', revoking: true, device_id: 'worker-1' });
});
