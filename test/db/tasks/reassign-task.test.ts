import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { TASK_STATUSES } from '../../../src/core/domain/task/task.ts';
import { canMove } from '../../../src/core/domain/task/task-state.ts';
import { insertRunning, insertTask, insertWorker, readRow } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';

let names: TableNames;
let session: Session;

it.beforeEach(async ({ given }) => {
  session = given.session;
  names = given.db.names;
  await insertWorker(session, names, 'worker-1');
  await insertWorker(session, names, 'worker-2');
});

const reassign = (id: number, options = {}) => reassignTask(session, names, id, options);
const taskRow = (id: number) => readRow(session, names.task, id);
const attemptRow = (id: number) => readRow(session, names.assignment, id);

describe('reassigning a task that has not begun', () => {
  it.each(['pending', 'assigned'])('directs a %s one at the device', async (status) => {
    const id = await insertTask(session, names, { status, target_until: '2030-01-01', retry: 1 });
    const directed = { status: 'assigned', target_device_id: 'worker-2' };
    const answer = { task_id: id, ...directed, revoking: false, device_id: null, warnings: [] };
    expect(await reassign(id, { to: 'WORKER-2' })).toEqual(answer);
    expect(await taskRow(id)).toMatchObject({ ...directed, target_until: null, retry: 1 });
  });

  it('without a device gives it back to everybody', async () => {
    const id = await insertTask(session, names, { status: 'assigned', target_device_id: 'worker-1' });
    const everybodys = { status: 'pending', target_device_id: null };
    expect(await reassign(id)).toMatchObject(everybodys);
    expect(await taskRow(id)).toMatchObject(everybodys);
  });

  it.each<[string, boolean, Record<string, unknown>, string[]]>([
    [
      'to a full device (A15): it starts there when a slot is free',
      false,
      { status: 'busy', max_concurrent_tasks: 1 },
      [],
    ],
    [
      'to a device that is over its limits: the task waits',
      false,
      { over_limits: '["memory is at 93 %, over its limit of 90 %"]' },
      [
        'x claims no tasks at the moment (memory is at 93 %, over its limit of 90 %): the task stays pending until it does.',
      ],
    ],
    [
      'by force to a device that would not start it now, with each reason',
      true,
      { status: 'offline', operator_state: 'paused', capabilities: '{"supported_tasks": ["sync_apps"]}' },
      [
        'x is offline: the leader will release the task to all devices.',
        'x is paused: the leader will release the task to all devices.',
        'x does not handle sync_data: the task cannot start on it until that changes.',
        'x lacks proxy_support=true: the task cannot start on it until that changes.',
      ],
    ],
  ])('directs it %s', async (_, force, columns, warnings) => {
    const able = { capabilities: '{"supported_tasks":["sync_data"],"proxy_support":true}', current_tasks: 1 };
    await insertWorker(session, names, 'x', { ...able, ...columns });
    const id = await insertTask(session, names, { required_capabilities: '{"proxy_support": true}' });
    expect(await reassign(id, { to: 'x', force })).toMatchObject({ status: 'assigned', warnings });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['is offline', { status: 'offline' }, 'is offline'],
    ['is draining', { operator_state: 'draining' }, 'is draining'],
    [
      'lacks what it needs',
      { capabilities: '{"supported_tasks":["sync_apps"]}' },
      'does not handle sync_data, lacks proxy_support=true',
    ],
  ])(
    'finding B9: refuses a device that %s, and leaves the task as it is; --force does not',
    async (_, columns, why) => {
      const required_capabilities = '{"proxy_support": true}';
      const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1', { required_capabilities });
      const able = { capabilities: '{"supported_tasks":["sync_data"],"proxy_support":true}' };
      await insertWorker(session, names, 'x', { ...able, ...columns });
      const before = await taskRow(task_id);
      await expect(reassign(task_id, { to: 'x' })).rejects.toMatchObject({
        code: 'E_CONFLICT',
        message: `Device x cannot run task ${task_id}: it ${why}. The task was not changed.`,
        suggestions: ['afd devices ls', `afd tasks reassign ${task_id} --to x --force`],
      });
      expect(await taskRow(task_id)).toEqual(before);
      expect(await attemptRow(assignment_id)).toMatchObject({ revoked_at: null });
      expect(await reassign(task_id, { to: 'x', force: true })).toMatchObject({ target_device_id: 'x' });
    },
  );
});

describe('A15 reassigning a task that runs', () => {
  it('asks its holder to release it and sets the target for then', async () => {
    const { task_id, assignment_id, claim_token } = await insertRunning(session, names, 'worker-1', { retry: 1 });
    const directed = { status: 'running', target_device_id: 'worker-2' };
    const answer = { task_id, ...directed, revoking: true, device_id: 'worker-1', warnings: [] };
    expect(await reassign(task_id, { to: 'worker-2' })).toEqual(answer);
    expect(await taskRow(task_id)).toMatchObject({ ...directed, claim_token, retry: 1, attempt: 1 });
    expect(await attemptRow(assignment_id)).toMatchObject({ status: 'running', revoke_outcome: 'released' });
  });

  it.each([
    ['worker-2', 'assigned'],
    [undefined, 'pending'],
  ])('by force to %s ends the attempt as released, never as completed, and spends no retry', async (to, status) => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1', { retry: 1, lost_count: 2 });
    expect(await reassign(task_id, { to, force: true })).toMatchObject({ status, revoking: false });
    const after = {
      status,
      target_device_id: to ?? null,
      claim_token: null,
      retry: 1,
      lost_count: 2,
      finished_at: null,
    };
    expect(await taskRow(task_id)).toMatchObject(after);
    const ended = { status: 'released', cause: 'operator', completed_at: expect.any(String) };
    expect(await attemptRow(assignment_id)).toMatchObject(ended);
  });

  it('a second time moves the target and keeps the time of the first request', async () => {
    const { task_id, assignment_id } = await insertRunning(session, names, 'worker-1');
    await reassign(task_id, { to: 'worker-2' });
    const first = await attemptRow(assignment_id);
    expect(await reassign(task_id)).toMatchObject({ target_device_id: null, revoking: true });
    expect((await attemptRow(assignment_id))?.revoked_at).toBe(first?.revoked_at);
  });

  it('to where it runs already, or while it is being cancelled, is a conflict that changes nothing', async () => {
    const { task_id } = await insertRunning(session, names, 'worker-1');
    const before = await taskRow(task_id);
    await expect(reassign(task_id, { to: 'worker-1' })).rejects.toMatchObject({ code: 'E_CONFLICT' });
    await cancelTask(session, names, task_id);
    await expect(reassign(task_id, { to: 'worker-2' })).rejects.toMatchObject({
      code: 'E_CONFLICT',
      message: `Task ${task_id} is being cancelled on worker-1.`,
    });
    expect(await taskRow(task_id)).toEqual(before);
  });
});

describe('reassigning is refused', () => {
  it.each(['done', 'failed', 'cancelled'])('for a task that is %s, and names the retry', async (status) => {
    const id = await insertTask(session, names, { status });
    await expect(reassign(id, { force: true })).rejects.toMatchObject({
      code: 'E_CONFLICT',
      suggestions: [`afd tasks retry ${id}`],
    });
    expect(await taskRow(id)).toMatchObject({ status });
  });

  it('for a task or a device that does not exist', async () => {
    const id = await insertTask(session, names);
    await expect(reassign(999_999)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(reassign(id, { to: 'nobody' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await taskRow(id)).toMatchObject({ status: 'pending', target_device_id: null });
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

it.each(TASK_STATUSES)('a task that is %s moves as the transition table says', async (status) => {
  for (const to of [undefined, 'worker-2']) {
    const id =
      status === 'running'
        ? (await insertRunning(session, names, 'worker-1')).task_id
        : await insertTask(session, names, { status });
    await reassign(id, { to, force: true }).catch((error) => expect(error).toMatchObject({ code: 'E_CONFLICT' }));
    const after = (await taskRow(id))?.status;
    expect(after === status || canMove(status, after)).toBe(true);
  }
});

it('B5 moves this task and no other of the device', async () => {
  const other = await insertRunning(session, names, 'worker-1');
  const { task_id } = await insertRunning(session, names, 'worker-1');
  const read = async () => [await taskRow(other.task_id), await attemptRow(other.assignment_id)];
  const before = await read();
  await reassign(task_id, { to: 'worker-2', force: true });
  await expect(reassign(other.task_id, { to: 'nobody', force: true })).rejects.toThrow();
  expect(await read()).toEqual(before);
});
