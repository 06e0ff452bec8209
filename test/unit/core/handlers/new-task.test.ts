// What ctx.enqueue takes; test/unit/core/domain/task/new-task.test.ts has the rules of each field.
import { expect, it } from 'vitest';
import { checkNewTasks } from '../../../../src/core/domain/task/new-task.ts';

const FIELDS = [
  ...['task_data', 'username', 'app_id', 'start_date', 'end_date', 'priority', 'required_capabilities', 'dedupe_key'],
  ...['run_at', 'max_retry_count', 'execution_timeout', 'estimated_duration', 'concurrency_key'],
];

it('a field that is null or undefined is as good as none', () => {
  const none = { ...Object.fromEntries(FIELDS.map((field) => [field, null])), task_type: 't' };
  expect(checkNewTasks([none])).toEqual([none]);
  expect(checkNewTasks({ task_type: 't', username: undefined })).toEqual([{ task_type: 't' }]);
});

it.each([
  ['task_type', [undefined, 5]],
  ['task_data', [5, { n: 1n }]],
  ['username', [5]],
  ['start_date', ['20260201', 'today']],
  ['priority', [0, Number.NaN]],
  ['required_capabilities', ['browser']],
  ['dedupe_key', [7]],
  ['run_at', ['tomorrow', 5]],
  ['max_retry_count', [1.5]],
  ['execution_timeout', [0.5]],
])('refuses a wrong %s and names it', (field, values) => {
  for (const value of values) {
    const tasks = [{ task_type: 't' }, { task_type: 't', [field]: value }];
    expect(() => checkNewTasks(tasks)).toThrow(new RegExp(`task\\[1\\]\\.${field} `));
  }
});

it.each([null, undefined, 'sync_data', [null], [[{ task_type: 't' }]]])('%j is no task', (value) => {
  expect(() => checkNewTasks(value)).toThrow(/must be an object/);
});
