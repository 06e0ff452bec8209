import { expect } from 'vitest';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../../src/core/db/tasks/reassign-task.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addRunning, addTask, addWorker, attemptRow, taskRow } from '../../helpers/rows-here.ts';

useDatabase();
it.beforeEach(async () => {
  await addWorker('worker-1');
  await addWorker('worker-2');
});
const reassign = (id: number, options = {}) => reassignTask(session, names, id, options);
const CONFLICT = { code: 'E_CONFLICT' };

it.each(['pending', 'assigned'])(
  'reassigning a task that has not begun directs a %s one at the device, and back to everybody',
  async (status) => {
    const id = await addTask({ status, target_until: '2030-01-01', retry: 1 });
    const directed = { status: 'assigned', target_device_id: 'worker-2' };
    const answer = { task_id: id, ...directed, revoking: false, device_id: null, warnings: [] };
    expect(await reassign(id, { to: 'WORKER-2' })).toEqual(answer);
    expect(await taskRow(id)).toMatchObject({ ...directed, target_until: null, retry: 1 });
    const everybodys = { status: 'pending', target_device_id: null };
    expect(await reassign(id)).toMatchObject(everybodys);
    expect(await taskRow(id)).toMatchObject(everybodys);
  },
);

const ABLE = { capabilities: '{"supported_tasks":["sync_data"],"proxy_support":true}', current_tasks: 1 };
const NEEDS = { required_capabilities: '{"proxy_support": true}' };

it.each<[string, boolean, Record<string, unknown>, string[]]>([
  ['to a full device: it starts there when a slot is free', false, { status: 'busy', max_concurrent_tasks: 1 }, []],
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
])('reassigning a task that has not begun directs it %s', async (_, force, columns, warnings) => {
  await addWorker('x', { ...ABLE, ...columns });
  const id = await addTask(NEEDS);
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
  'finding B9: reassigning refuses a device that %s, and leaves the task as it is; --force does not',
  async (_, columns, why) => {
    const { task_id, assignment_id } = await addRunning('worker-1', NEEDS);
    await addWorker('x', { ...ABLE, ...columns });
    const before = await taskRow(task_id);
    await expect(reassign(task_id, { to: 'x' })).rejects.toMatchObject({
      ...CONFLICT,
      message: `Device x cannot run task ${task_id}: it ${why}. The task was not changed.`,
      suggestions: ['afd devices ls', `afd tasks reassign ${task_id} --to x --force`],
    });
    expect(await taskRow(task_id)).toEqual(before);
    expect(await attemptRow(assignment_id)).toMatchObject({ revoked_at: null });
    expect(await reassign(task_id, { to: 'x', force: true })).toMatchObject({ target_device_id: 'x' });
  },
);

it('A15 reassigning a task that runs asks its holder to release it and sets the target for then; a second time keeps the time of the first', async () => {
  const { task_id, assignment_id, claim_token } = await addRunning('worker-1', { retry: 1 });
  const directed = { status: 'running', target_device_id: 'worker-2' };
  const answer = { task_id, ...directed, revoking: true, device_id: 'worker-1', warnings: [] };
  expect(await reassign(task_id, { to: 'worker-2' })).toEqual(answer);
  expect(await taskRow(task_id)).toMatchObject({ ...directed, claim_token, retry: 1, attempt: 1 });
  const { revoked_at } = await attemptRow(assignment_id);
  expect(await reassign(task_id)).toMatchObject({ target_device_id: null, revoking: true });
  const asked = { status: 'running', revoke_outcome: 'released', revoked_at };
  expect(await attemptRow(assignment_id)).toMatchObject(asked);
});

it.each([
  ['worker-2', 'assigned'],
  [undefined, 'pending'],
])(
  'A15 reassigning a task that runs B5 by force to %s ends this attempt as released, spends no retry, and touches no other',
  async (to, status) => {
    const other = await addRunning('worker-1');
    const read = async () => [await taskRow(other.task_id), await attemptRow(other.assignment_id)];
    const before = await read();
    const { task_id, assignment_id } = await addRunning('worker-1', { retry: 1, lost_count: 2 });
    expect(await reassign(task_id, { to, force: true })).toMatchObject({ status, revoking: false });
    const after = { status, target_device_id: to ?? null, claim_token: null, retry: 1, lost_count: 2 };
    expect(await taskRow(task_id)).toMatchObject({ ...after, finished_at: null });
    const ended = { status: 'released', cause: 'operator', completed_at: expect.any(String) };
    expect(await attemptRow(assignment_id)).toMatchObject(ended);
    expect(await read()).toEqual(before);
  },
);

it('A15 reassigning a task that runs to where it runs already, or while it is being cancelled, is a conflict that changes nothing', async () => {
  const { task_id } = await addRunning('worker-1');
  const before = await taskRow(task_id);
  await expect(reassign(task_id, { to: 'worker-1' })).rejects.toMatchObject(CONFLICT);
  await cancelTask(session, names, task_id);
  const message = `Task ${task_id} is being cancelled on worker-1.`;
  await expect(reassign(task_id, { to: 'worker-2' })).rejects.toMatchObject({ ...CONFLICT, message });
  expect(await taskRow(task_id)).toEqual(before);
});

it.each(['done', 'failed', 'cancelled'])(
  'reassigning is refused for a task that is %s, and names the retry',
  async (status) => {
    const id = await addTask({ status });
    const refusal = { ...CONFLICT, suggestions: [`afd tasks retry ${id}`] };
    await expect(reassign(id, { force: true })).rejects.toMatchObject(refusal);
    expect(await taskRow(id)).toMatchObject({ status });
  },
);

it('A5 reassigning is refused for a task or a device that does not exist, and to a device that executes nothing', async () => {
  await addWorker('leader-1', { device_type: 'master' });
  const id = await addTask();
  await expect(reassign(id + 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  await expect(reassign(id, { to: 'nobody' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  await expect(reassign(id, { to: 'leader-1' })).rejects.toMatchObject(CONFLICT);
  expect(await taskRow(id)).toMatchObject({ status: 'pending', target_device_id: null });
});

it('reassigning is refused for a task that another program runs, unless forced', async () => {
  const id = await addTask({ status: 'running' });
  await expect(reassign(id)).rejects.toMatchObject(CONFLICT);
  expect(await reassign(id, { force: true })).toMatchObject({ status: 'pending' });
});
