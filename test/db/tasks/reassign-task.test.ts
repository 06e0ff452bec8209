import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { TASK_STATUSES, type TaskStatus } from '../../../src/core/domain/task/task.ts';
import { canMove } from '../../../src/core/domain/task/task-state.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertRunning, insertTask, insertWorker, readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let database: TestDatabase;
let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db: database, session } = given);
  names = database.names;
  await insertWorker(session, names, 'worker-1');
  await insertWorker(session, names, 'worker-2');
});

const reassign = (id: number, options = {}) => reassignTask(session, names, id, options);

describe('reassigning a task that has not begun', () => {
  it.each(['pending', 'assigned'])('directs a %s one at the device', async (status) => {
    const id = await insertTask(session, names, { status, target_until: '2030-01-01', retry: 1 });
    expect(await reassign(id, { to: 'WORKER-2' })).toEqual({
      task_id: id,
      status: 'assigned',
      target_device_id: 'worker-2',
      revoking: false,
      device_id: null,
      warnings: [],
    });
    expect(await readRow(session, names.task, id)).toMatchObject({
      status: 'assigned',
      target_device_id: 'worker-2',
      target_until: null,
      retry: 1,
    });
  });

  it('without a device gives it back to everybody', async () => {
    const id = await insertTask(session, names, { status: 'assigned', target_device_id: 'worker-1' });
    expect(await reassign(id)).toMatchObject({ status: 'pending', target_device_id: null });
    expect(await readRow(session, names.task, id)).toMatchObject({ status: 'pending', target_device_id: null });
  });

  it('A15 directs it at a full device too: it starts there when a slot is free', async () => {
    await insertWorker(session, names, 'full', { status: 'busy', max_concurrent_tasks: 1, current_tasks: 1 });
    const id = await insertTask(session, names);
    expect(await reassign(id, { to: 'full' })).toMatchObject({ status: 'assigned', warnings: [] });
  });

  it('finding B9: refuses a device that cannot run it, and leaves the task as it is; --force does not', async () => {
    const cannot: Array<[string, Record<string, unknown>, string]> = [
      ['gone', { status: 'offline' }, 'is offline'],
      ['still', { operator_state: 'draining' }, 'is draining'],
      [
        'other',
        { capabilities: '{"supported_tasks":["sync_apps"]}' },
        'does not handle sync_data, lacks proxy_support=true',
      ],
    ];
    const { task_id } = await insertRunning(session, names, 'worker-1', {
      required_capabilities: '{"proxy_support": true}',
    });
    const before = await readRow(session, names.task, task_id);
    for (const [device, row, why] of cannot) {
      const able = { capabilities: '{"supported_tasks":["sync_data"],"proxy_support":true}' };
      await insertWorker(session, names, device, { ...able, ...row });
      await expect(reassign(task_id, { to: device })).rejects.toMatchObject({
        code: 'E_CONFLICT',
        exitCode: 5,
        message: `Device ${device} cannot run task ${task_id}: it ${why}. The task was not changed.`,
        suggestions: ['afd devices ls', `afd tasks reassign ${task_id} --to ${device} --force`],
      });
      expect(await readRow(session, names.task, task_id)).toEqual(before);
    }
    const open = await session.rows(`SELECT revoked_at FROM ${names.assignment} WHERE task_id = ?`, [task_id]);
    expect(open).toEqual([{ revoked_at: null }]);
    expect(await reassign(task_id, { to: 'other', force: true })).toMatchObject({ target_device_id: 'other' });
  });

  it('says why it would not start there now', async () => {
    await insertWorker(session, names, 'away', {
      status: 'offline',
      operator_state: 'paused',
      capabilities: JSON.stringify({ supported_tasks: ['sync_apps'] }),
    });
    const id = await insertTask(session, names, { required_capabilities: '{"proxy_support": true}' });
    const { warnings } = await reassign(id, { to: 'away', force: true });
    expect(warnings).toEqual([
      'away is offline: the leader will release the task to all devices.',
      'away is paused: the leader will release the task to all devices.',
      'away does not handle sync_data: the task cannot start on it until that changes.',
      'away lacks proxy_support=true: the task cannot start on it until that changes.',
    ]);
  });
});

it('says that the task waits while the device is over its limits', async () => {
  await insertWorker(session, names, 'held', { over_limits: '["memory is at 93 %, over its limit of 90 %"]' });
  const id = await insertTask(session, names);
  expect((await reassign(id, { to: 'held' })).warnings).toEqual([
    'held claims no tasks at the moment (memory is at 93 %, over its limit of 90 %): the task stays pending until it does.',
  ]);
});

describe('A15 reassigning a task that runs', () => {
  it('asks its holder to release it and sets the target for then', async () => {
    const { task_id, assignment_id, claim_token } = await insertRunning(session, names, 'worker-1', { retry: 1 });
    expect(await reassign(task_id, { to: 'worker-2' })).toEqual({
      task_id,
      status: 'running',
      target_device_id: 'worker-2',
      revoking: true,
      device_id: 'worker-1',
      warnings: [],
    });
    expect(await readRow(session, names.task, task_id)).toMatchObject({
      status: 'running',
      target_device_id: 'worker-2',
      claim_token,
      retry: 1,
      attempt: 1,
    });
    expect(await readRow(session, names.assignment, assignment_id)).toMatchObject({
      status: 'running',
      revoke_outcome: 'released',
    });
  });

  it('with force ends the attempt as released, never as completed, and spends no retry', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1', { retry: 1, lost_count: 2 });
    expect(await reassign(task_id, { to: 'worker-2', force: true })).toMatchObject({
      status: 'assigned',
      revoking: false,
    });
    expect(await readRow(session, names.task, task_id)).toMatchObject({
      status: 'assigned',
      target_device_id: 'worker-2',
      claim_token: null,
      retry: 1,
      lost_count: 2,
      finished_at: null,
    });
    const attempt = await readRow(session, names.assignment, assignment_id);
    expect(attempt).toMatchObject({ status: 'released', cause: 'operator' });
    expect(attempt?.completed_at).not.toBeNull();
  });

  it('with force and no device makes it pending', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-1');
    expect(await reassign(task_id, { force: true })).toMatchObject({ status: 'pending', target_device_id: null });
  });

  it('a second time moves the target and keeps the time of the first request', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1');
    await reassign(task_id, { to: 'worker-2' });
    const first = await readRow(session, names.assignment, assignment_id);
    expect(await reassign(task_id)).toMatchObject({ target_device_id: null, revoking: true });
    expect((await readRow(session, names.assignment, assignment_id))?.revoked_at).toBe(first?.revoked_at);
  });

  it('to where it runs already, or while it is being cancelled, is a conflict that changes nothing', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-1');
    const before = await readRow(session, names.task, task_id);
    await expect(reassign(task_id, { to: 'worker-1' })).rejects.toMatchObject({ code: 'E_CONFLICT' });
    await cancelTask(session, names, task_id);
    await expect(reassign(task_id, { to: 'worker-2' })).rejects.toMatchObject({
      code: 'E_CONFLICT',
      message: `Task ${task_id} is being cancelled on worker-1.`,
    });
    expect(await readRow(session, names.task, task_id)).toEqual(before);
  });
});

describe('reassigning is refused', () => {
  it.each(['done', 'failed', 'cancelled'])('for a task that is %s, and names the retry', async (status) => {
    const id = await insertTask(session, names, { status });
    await expect(reassign(id, { force: true })).rejects.toMatchObject({
      code: 'E_CONFLICT',
      suggestions: [`afd tasks retry ${id}`],
    });
    expect(await readRow(session, names.task, id)).toMatchObject({ status });
  });

  it('for a task or a device that does not exist', async () => {
    const id = await insertTask(session, names);
    await expect(reassign(999_999)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(reassign(id, { to: 'nobody' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'There is no device "nobody".',
    });
    expect(await readRow(session, names.task, id)).toMatchObject({ status: 'pending', target_device_id: null });
  });

  it('A5 to a device that executes nothing', async () => {
    await insertWorker(session, names, 'leader-1', { device_type: 'master' });
    const id = await insertTask(session, names);
    await expect(reassign(id, { to: 'leader-1' })).rejects.toMatchObject({ code: 'E_CONFLICT' });
  });

  it('for a task that another program runs, unless forced', async () => {
    const id = await insertTask(session, names, { status: 'running' });
    await expect(reassign(id)).rejects.toMatchObject({ code: 'E_CONFLICT' });
    expect(await reassign(id, { force: true })).toMatchObject({ status: 'pending' });
  });
});

it.each(TASK_STATUSES)('a task that is %s moves as the transition table says', async (status: TaskStatus) => {
  for (const to of [undefined, 'worker-2']) {
    const id =
      status === 'running'
        ? (await insertRunning(session, names, 'worker-1')).task_id
        : await insertTask(session, names, { status });
    await reassign(id, { to, force: true }).catch((error) => expect(error).toMatchObject({ code: 'E_CONFLICT' }));
    const after = (await readRow(session, names.task, id))?.status;
    expect(after === status || canMove(status, after)).toBe(true);
  }
});

it('B5 moves this task and no other of the device', async () => {
  const others = [await insertRunning(session, names, 'worker-1'), await insertRunning(session, names, 'worker-1')];
  const { task_id } = await insertRunning(session, names, 'worker-1');
  const read = async () => ({
    tasks: await session.rows(`SELECT * FROM ${names.task} WHERE id <> ? ORDER BY id`, [task_id]),
    attempts: await session.rows(`SELECT * FROM ${names.assignment} WHERE task_id <> ? ORDER BY id`, [task_id]),
  });
  const before = await read();
  await reassign(task_id, { to: 'worker-2', force: true });
  await expect(reassign(others[0]?.task_id ?? 0, { to: 'nobody', force: true })).rejects.toThrow();
  expect(await read()).toEqual(before);
});
