import { describe, expect, it } from 'vitest';
import { infeasibleReasons } from '../../../../../src/core/domain/eligibility.ts';
import type { AfdError } from '../../../../../src/core/domain/errors.ts';
import { checkNewTasks, type TaskProblem } from '../../../../../src/core/domain/task/new-task.ts';
import {
  MOST_READ_BYTES,
  REQUIREMENTS_BYTES,
  requirementsOf,
} from '../../../../../src/core/domain/task/requirements.ts';

function refusal(value: unknown): AfdError {
  try {
    checkNewTasks(value);
  } catch (error) {
    return error as AfdError;
  }
  throw new Error('it was accepted');
}

const only = (fields: Record<string, unknown>) => {
  const [problem] = refusal({ task_type: 'a', ...fields }).data.problems as TaskProblem[];
  return problem?.problem;
};

describe('a new task', () => {
  const task = {
    ...{ task_type: 'sync_data', task_data: { username: 'u@example.com' }, username: 'u@example.com', app_id: '' },
    ...{ start_date: '2024-02-29', end_date: null, priority: 10, required_capabilities: { proxy_support: true } },
    ...{ dedupe_key: 'sync_data|u', run_at: '2026-11-24T08:00:00.000Z', max_retry_count: 0, execution_timeout: 1 },
    ...{ estimated_duration: 0, concurrency_key: 'u' },
  };

  it('is accepted with every field of the document, and copied', () => {
    const copies = checkNewTasks([task, { task_type: 'b', priority: undefined }]);
    expect(copies).toEqual([task, { task_type: 'b' }]);
    expect(copies[0]?.task_data).not.toBe(task.task_data);
    expect(checkNewTasks(task)).toEqual([task]);
    expect(checkNewTasks([])).toEqual([]);
  });

  it('names everything that is wrong with it, and with every other task of the call, at once', () => {
    const bad = [{ task_type: 'a' }, { type: 'b', priority: 0 }, 7, { task_type: 'a', start_date: '1 May' }];
    const error = refusal(bad);
    expect(error.exitCode).toBe(2);
    expect(error.data.problems).toEqual([
      { index: 1, problem: expect.stringMatching(/^type is unknown \(known: task_type, task_data, /) },
      { index: 1, problem: 'priority must be a whole number from 1 to 10' },
      { index: 1, problem: 'task_type is missing' },
      { index: 2, problem: 'must be an object' },
      { index: 3, problem: 'start_date must be a date "YYYY-MM-DD"' },
    ]);
    expect(error.message).toMatch(/task\[1\]\.priority must .*; task\[3\]\.start_date must be a date/);
  });

  it('names five problems in the message, with a command that works, and whether there are more', () => {
    const nothing = (n: number) => refusal(Array.from({ length: n }, () => ({}))).message;
    const five = [0, 1, 2, 3, 4].map((n) => `task[${n}].task_type is missing`).join('; ');
    expect(nothing(5)).toBe(`A task to enqueue is not valid: ${five}.`);
    expect(nothing(6)).toBe(`A task to enqueue is not valid: ${five}; and 1 more.`);
    expect(refusal({}).message).toBe('A task to enqueue is not valid: task.task_type is missing.');
    expect(refusal({}).suggestions).toEqual([
      `afd tasks add --type sync_apps --data '{"username":"user@example.com"}'`,
    ]);
  });

  const lengths = { task_type: 32, username: 255, app_id: 128, dedupe_key: 191, concurrency_key: 191 };
  it.each(Object.entries(lengths))('F5 has a %s of at most %i characters, each counted once', (name, most) => {
    expect(checkNewTasks({ task_type: 'a', [name]: '🌞'.repeat(most) })).toHaveLength(1);
    expect(only({ [name]: 'x'.repeat(most + 1) })).toBe(`${name} must have at most ${most} characters`);
  });

  it.each<[string, unknown[], string]>([
    ['task_type', [''], 'must not be empty'],
    ['task_type', [null], 'must be a string'],
    ['dedupe_key', ['a '], 'must not end with a space'],
    ['concurrency_key', ['a '], 'must not end with a space'],
    ['priority', [0, 11, '5', 1.5], 'must be a whole number from 1 to 10'],
    ['max_retry_count', [-1, 2_147_483_648], 'must be a whole number from 0 to 2147483647'],
    ['execution_timeout', [0, 3_000_000], 'must be a whole number from 1 to 2147483'],
    ['start_date', ['2026-02-30', '2026-13-01', '2026-1-1', '2026-01', '0026-01-01'], 'must be a date "YYYY-MM-DD"'],
    ['end_date', ['+012026-01-01', '2026-01-01T00:00:00.000Z', ['2026-01-01']], 'must be a date "YYYY-MM-DD"'],
    ['task_data', [[], '{}'], 'must be an object'],
    ['run_at', ['2026-01-01'], 'must be an ISO 8601 time with its zone, such as "2026-11-24T08:00:00Z"'],
    ['run_at', ['2038-01-19T03:14:08Z', '1969-12-31T23:59:59.999Z'], 'must be between 1970-01-01 and 2038-01-19'],
    ['required_capabilities', [{ a: 'x'.repeat(4089) }], 'has 4097 bytes as JSON; the maximum is 4096'],
    ['task_data', [{ a: 'x'.repeat(1_048_569) }], 'has 1048577 bytes as JSON; the maximum is 1048576'],
    ['task_data', [{ n: 1n }], 'cannot be written as JSON (Do not know how to serialize a BigInt)'],
  ])('is refused with a %s that is wrong (case %#)', (name, values, why) => {
    for (const value of values) expect(only({ [name]: value }), String(value)).toBe(`${name} ${why}`);
  });

  it('keeps its instant whatever its zone, and whole characters only', () => {
    const kept = (fields: object) => checkNewTasks({ task_type: 'a', ...fields })[0];
    for (const run_at of ['1970-01-01T00:00:00.000Z', '2038-01-19T03:14:07.000Z'])
      expect(kept({ run_at })).toEqual({ task_type: 'a', run_at });
    expect(kept({ run_at: '2026-01-01T08:00:00+08:00' })?.run_at).toBe('2026-01-01T00:00:00.000Z');
    expect(kept({ dedupe_key: 'k\ud800' })?.dedupe_key).toBe('k\ufffd');
    expect(kept({ required_capabilities: { a: 'x'.repeat(4088) } })).toBeDefined();
  });
});

describe('required_capabilities as a row spells it', () => {
  const reasons = (text: string | null) => {
    const able = { supported_tasks: ['x'], required_capabilities: true, unreadable: true, chrome: true };
    return infeasibleReasons(able, { task_type: 'x', required_capabilities: requirementsOf(text).requires });
  };

  it('is JSON, and NULL or the empty text asks for nothing: they are one lane', () => {
    expect(requirementsOf('{"browser": true}')).toEqual({ requires: { browser: true }, readable: true });
    for (const text of [null, undefined, '']) expect(requirementsOf(text)).toEqual({ requires: null, readable: true });
  });

  it('is, where it is not JSON, what nobody meets, and nothing is thrown', () => {
    expect(requirementsOf('chrome').readable).toBe(false);
    for (const text of ['chrome', ' ', "{'a': 1}"])
      expect(reasons(text)).toEqual([`lacks required_capabilities={"unreadable":${JSON.stringify(text)}}`]);
  });

  it('is any JSON: what names nothing asks for nothing, and what has entries that are none is met by nobody', () => {
    for (const text of ['5', 'null', '[]', 'true', '{}']) expect(reasons(text)).toEqual([]);
    for (const text of ['"abc"', '["a"]']) expect(reasons(text)).not.toEqual([]);
    expect(requirementsOf('"abc"').readable).toBe(true);
  });

  it('is shown in part when it is long, and read as far as a task may have it, however a server spaces it', () => {
    expect(requirementsOf('x'.repeat(5000)).requires).toEqual({
      required_capabilities: { unreadable: 'x'.repeat(80) },
    });
    const sent = `{"a":[${'1,'.repeat((REQUIREMENTS_BYTES - 8) / 2)}1]}`;
    expect(sent.replace(/[,:]/g, '$& ').length).toBeLessThanOrEqual(MOST_READ_BYTES);
  });
});
