import { expect, it } from 'vitest';
import { checkNewTasks } from '../../../../src/core/domain/task/new-task.ts';

const whole = {
  ...{ task_type: 'sync_data', task_data: { a: [1] }, username: 'u', app_id: 'com.App', start_date: '2026-02-28' },
  ...{ end_date: '2024-02-29', priority: 10, required_capabilities: { browser: true }, dedupe_key: 'k' },
  ...{ run_at: '2026-11-24T16:00:00+08:00', max_retry_count: 0, execution_timeout: 60, estimated_duration: 0 },
  ...{ concurrency_key: 'c' },
};

it('takes every field of a task, with run_at in UTC', () => {
  expect(checkNewTasks(whole)).toEqual([{ ...whole, run_at: '2026-11-24T08:00:00.000Z' }]);
  const none = Object.fromEntries(Object.keys(whole).map((key) => [key, null]));
  expect(checkNewTasks([{ ...none, task_type: 't' }])).toEqual([{ ...none, task_type: 't' }]);
  expect(checkNewTasks({ task_type: 't', username: undefined })).toEqual([{ task_type: 't' }]);
});

it('copies, so that later changes do not reach the task', () => {
  const task = { task_type: 't', task_data: { n: 1 } };
  const [copy] = checkNewTasks(task);
  task.task_data.n = 2;
  expect(copy).toEqual({ task_type: 't', task_data: { n: 1 } });
});

it.each([
  ['task_type', [undefined, null, '', 5, 'x'.repeat(33)]],
  ['task_data', ['{"a":1}', [1], 5, { n: 1n }, { s: 'x'.repeat(1024 * 1024) }]],
  ['username', [5, 'x'.repeat(256)]],
  ['start_date', ['2026-02-29', '2026-2-1', '20260201', new Date(), 'today', '2026-02-01T00:00:00Z']],
  ['priority', [0, 11, 1.5, '5', Number.NaN]],
  ['required_capabilities', ['browser', ['browser']]],
  ['dedupe_key', ['', 'x'.repeat(192), 7]],
  ['run_at', ['2026-11-24T08:00:00', 'tomorrow', 5]],
  ['max_retry_count', [-1, 1.5]],
  ['execution_timeout', [0, 0.5, 3e9]],
  ['tasktype', ['x']],
])('refuses a wrong %s and names it', (field, values) => {
  for (const value of values) {
    expect(() => checkNewTasks([whole, { ...whole, [field]: value }])).toThrow(new RegExp(`task\\[1\\]\\.${field} `));
  }
});

it('refuses what is no task', () => {
  for (const value of [null, undefined, 'sync_data', 5, [null], [[whole]]]) {
    expect(() => checkNewTasks(value)).toThrow(/must be an object/);
  }
});
