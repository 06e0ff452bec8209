import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { listTasks } from '../../../src/core/db/tasks/list-tasks.ts';
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

const list = (filter = {}) => listTasks(session, names, { limit: 50, ...filter });
const ids = async (filter = {}) => (await list(filter)).map((task) => task.task_id);

describe('listing tasks', () => {
  it('gives the newest first, at most as many as asked for', async () => {
    const all = [];
    for (let n = 0; n < 4; n += 1) all.push(await insertTask(session, names));
    expect(await ids()).toEqual([...all].reverse());
    expect(await ids({ limit: 2 })).toEqual([all[3], all[2]]);
  });

  it('filters by status, type and device, together', async () => {
    const pending = await insertTask(session, names);
    const data = await insertTask(session, names, { task_type: 'sync_apps' });
    const directed = await insertTask(session, names, { status: 'assigned', target_device_id: 'worker-1' });
    const { task_id: running } = await insertRunning(session, names, 'worker-1', { attempt: 2 });
    await session.write(
      `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status, deadline_at)
       VALUES (?, 'worker-2', 1, '', 'lost', UTC_TIMESTAMP(3))`,
      [running],
    );
    const { task_id: ended, assignment_id } = await insertRunning(session, names, 'worker-2');
    await session.write(`UPDATE ${names.task} SET status = 'done' WHERE id = ?`, [ended]);
    await session.write(`UPDATE ${names.assignment} SET status = 'completed' WHERE id = ?`, [assignment_id]);
    expect(await ids({ status: 'pending' })).toEqual([data, pending]);
    expect(await ids({ task_type: 'sync_apps' })).toEqual([data]);
    expect(await ids({ device_id: 'worker-1' })).toEqual([running, directed]);
    expect(await ids({ device_id: 'worker-2' })).toEqual([ended]);
    expect(await ids({ device_id: 'worker-1', status: 'running', task_type: 'sync_data' })).toEqual([running]);
    expect(await ids({ device_id: 'worker-1', status: 'done' })).toEqual([]);
    const byId = new Map((await list()).map((task) => [task.task_id, task.device_id]));
    expect([pending, running, ended].map((id) => byId.get(id))).toEqual([null, 'worker-1', 'worker-2']);
  });

  it('speaks the words of the document', async () => {
    await insertTask(session, names, {
      task_type: 'sync_apps',
      username: 'user@example.com',
      app_id: 'com.example.app',
      start_date: '2024-01-01',
      end_date: '2024-01-02',
      task_data: '{"a": [1, "x"]}',
      required_capabilities: '{"proxy_support": true}',
      retry: 2,
      attempt: 4,
      next_run_at: '2024-05-01 08:00:00.250',
      finished_at: '2024-05-02 00:00:00',
    });
    const [task] = await list();
    expect(task).toMatchObject({
      task_type: 'sync_apps',
      status: 'pending',
      task_data: { a: [1, 'x'] },
      username: 'user@example.com',
      app_id: 'com.example.app',
      start_date: '2024-01-01',
      end_date: '2024-01-02',
      priority: 5,
      required_capabilities: { proxy_support: true },
      retry_count: 2,
      max_retry_count: 3,
      attempt: 4,
      lost_count: 0,
      dedupe_key: null,
      target_device_id: null,
      device_id: null,
      next_run_at: '2024-05-01T08:00:00.250Z',
      finished_at: '2024-05-02T00:00:00.000Z',
    });
    expect(task?.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Object.keys(task ?? {})).not.toContain('retry');
  });

  it('E1 tells the same instants in every zone of the session', async () => {
    await insertTask(session, names, { next_run_at: '2024-05-01 16:00:00', finished_at: '2024-05-02' });
    for (const [timeZone, next_run_at] of [
      ['+08:00', '2024-05-01T08:00:00.000Z'],
      ['-03:30', '2024-05-01T19:30:00.000Z'],
      ['SYSTEM', expect.any(String)],
    ] as const) {
      const [task] = await listTasks(await database.session({ timeZone }), names, { limit: 1 });
      expect(task).toMatchObject({ next_run_at, finished_at: '2024-05-02T00:00:00.000Z' });
    }
  });

  it('takes rows of other programs as they are: NULL everywhere, JSON in JSON', async () => {
    await insertTask(session, names, {
      status: null,
      priority: null,
      retry: null,
      max_retry_count: null,
      next_run_at: null,
      created_at: null,
      updated_at: null,
      task_data: '"{\\"a\\": 1}"',
    });
    expect((await list())[0]).toMatchObject({
      status: null,
      retry_count: 0,
      priority: null,
      next_run_at: null,
      created_at: null,
      task_data: '{"a": 1}',
    });
  });

  it('G1 an empty list means no tasks, and nothing else', async () => {
    expect(await list()).toEqual([]);
    const lost = await database.session();
    lost.destroy();
    await expect(listTasks(lost, names, { limit: 50 })).rejects.toMatchObject({ code: 'E_DATABASE' });
    const elsewhere = { ...names, task: '`no_such_table`' };
    await expect(listTasks(session, elsewhere, { limit: 50 })).rejects.toMatchObject({ code: 'E_SCHEMA' });
  });
});
