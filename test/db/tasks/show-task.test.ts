import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { showTask } from '../../../src/core/db/tasks/show-task.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertRunning, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let database: TestDatabase;
let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db: database, session } = given);
  names = database.names;
});

const show = (id: number) => showTask(session, names, id);

describe('showing a task', () => {
  it('B6 gives every attempt, in order, each with its own device and end', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-2', { attempt: 2, retry: 1 });
    await session.write(
      `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status, deadline_at, assigned_at,
         started_at, completed_at, error_message, error_class, retry_count)
       VALUES (?, 'worker-1', 1, '', 'failed', '2024-05-01 09:00:00', '2024-05-01 08:00:00', '2024-05-01 08:00:01.5',
         '2024-05-01 08:00:02', 'boom', 'TypeError', 0)`,
      [task_id],
    );
    const task = await show(task_id);
    expect(task).toMatchObject({ task_id, status: 'running', device_id: 'worker-2', retry_count: 1, attempt: 2 });
    expect(task.assignments).toMatchObject([
      {
        attempt: 1,
        device_id: 'worker-1',
        status: 'failed',
        assigned_at: '2024-05-01T08:00:00.000Z',
        started_at: '2024-05-01T08:00:01.500Z',
        completed_at: '2024-05-01T08:00:02.000Z',
        deadline_at: '2024-05-01T09:00:00.000Z',
        error_message: 'boom',
        error_class: 'TypeError',
        revoked_at: null,
        result: null,
      },
      { assignment_id, attempt: 2, device_id: 'worker-2', status: 'running', completed_at: null },
    ]);
    expect(JSON.stringify(task)).not.toContain('claim_token');
  });

  it('shows the payload of its handler together with the columns; JSON wins', async () => {
    const id = await insertTask(session, names, {
      username: 'user@example.com',
      app_id: '',
      start_date: '2024-01-01',
      task_data: '"{\\"username\\": \\"other\\", \\"n\\": 1}"',
      status: 'done',
      attempt: 2,
    });
    for (const [attempt, status, result] of [
      [1, 'failed', null],
      [2, 'completed', '{"rows": 0}'],
    ]) {
      await session.write(
        `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status, result, deadline_at)
         VALUES (?, 'd1', ?, REPEAT('t', 16), ?, ?, UTC_TIMESTAMP(3))`,
        [id, attempt, status, result],
      );
    }
    expect(await show(id)).toMatchObject({
      payload: { username: 'other', start_date: '2024-01-01', n: 1 },
      result: { rows: 0 },
      assignments: [{ status: 'failed', result: null }, { result: { rows: 0 } }],
      device_id: 'd1',
    });
  });

  it('gives no payload when task_data is no object, and shows it', async () => {
    const id = await insertTask(session, names, { task_data: '[1]' });
    expect(await show(id)).toMatchObject({ payload: null, task_data: [1] });
  });

  it('that does not exist is not found, which is not what a lost database says', async () => {
    await expect(show(999_999)).rejects.toMatchObject({ code: 'E_NOT_FOUND', exitCode: 3 });
    const lost = await database.session();
    lost.destroy();
    await expect(showTask(lost, names, 1)).rejects.toMatchObject({ code: 'E_DATABASE' });
  });
});
