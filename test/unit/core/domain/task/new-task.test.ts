import { describe, expect, it } from 'vitest';
import { AfdError } from '../../../../../src/core/domain/errors.ts';
import { checkNewTasks, type TaskProblem } from '../../../../../src/core/domain/task/new-task.ts';

/** The problems of a call; empty when it is accepted. */
function problems(value: unknown): TaskProblem[] {
  try {
    checkNewTasks(value);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(AfdError);
    expect((error as AfdError).exitCode).toBe(2);
    return (error as AfdError).data.problems as TaskProblem[];
  }
}

const first = (fields: Record<string, unknown>) => problems({ task_type: 'a', ...fields })[0]?.problem;

describe('a new task', () => {
  it('is accepted with every field of the document', () => {
    const task = {
      task_type: 'sync_data',
      task_data: { username: 'user@example.com' },
      username: 'user@example.com',
      app_id: '',
      start_date: '2024-02-29',
      end_date: null,
      priority: 10,
      required_capabilities: { proxy_support: true },
      dedupe_key: 'sync_data|user@example.com',
      run_at: '2026-11-24T08:00:00.000Z',
      max_retry_count: 0,
      execution_timeout: 1,
      estimated_duration: 0,
      concurrency_key: 'user@example.com',
    };
    expect(checkNewTasks(task)).toEqual([task]);
    expect(checkNewTasks([task, { task_type: 'b', priority: undefined }])).toEqual([task, { task_type: 'b' }]);
    expect(checkNewTasks([])).toEqual([]);
  });

  it('names everything that is wrong with it, and with every other task of the call, at once', () => {
    const bad = [{ task_type: 'a' }, { type: 'b', priority: 0 }, 7, { task_type: 'a', start_date: '1 May' }];
    expect(problems(bad)).toEqual([
      { index: 1, problem: expect.stringMatching(/^type is unknown \(known: task_type, /) },
      { index: 1, problem: 'priority must be a whole number from 1 to 10' },
      { index: 1, problem: 'task_type is missing' },
      { index: 2, problem: 'must be an object' },
      { index: 3, problem: 'start_date must be a date "YYYY-MM-DD"' },
    ]);
    expect(() => checkNewTasks(bad)).toThrow(/task\[1\]\.priority must .*; task\[3\]\.start_date must be a date/);
    expect(() => checkNewTasks(Array.from({ length: 9 }, () => ({})))).toThrow(/; and 4 more\.$/);
  });

  it.each([
    ['task_type', 32],
    ['username', 255],
    ['app_id', 128],
    ['dedupe_key', 191],
    ['concurrency_key', 191],
  ])('F5 has a %s of at most %i characters, each counted once', (name, most) => {
    expect(first({ [name]: '🌞'.repeat(most) })).toBeUndefined();
    expect(first({ [name]: 'x'.repeat(most + 1) })).toBe(`${name} must have at most ${most} characters`);
  });

  it.each([
    [{ task_type: '' }, 'must not be empty'],
    [{ task_type: null }, 'must be a string'],
    [{ dedupe_key: '' }, 'must not be empty'],
    [{ dedupe_key: 'a ' }, 'must not end with a space'],
    [{ concurrency_key: 'a ' }, 'must not end with a space'],
    [{ priority: 11 }, 'whole number'],
    [{ priority: '5' }, 'whole number'],
    [{ priority: 1.5 }, 'whole number'],
    [{ max_retry_count: -1 }, 'whole number'],
    [{ execution_timeout: 0 }, 'whole number'],
    [{ execution_timeout: 3_000_000 }, 'whole number'],
    [{ start_date: '2026-02-30' }, 'date'],
    [{ end_date: '2026-1-1' }, 'date'],
    [{ end_date: new Date('2026-01-01') }, 'date'],
    [{ end_date: ['2026-01-01'] }, 'date'],
    [{ end_date: '2026-01' }, 'date'],
    [{ end_date: '+012026-01-01' }, 'date'],
    [{ end_date: '2026-01-01T00:00:00.000Z' }, 'date'],
    [{ task_data: [] }, 'must be an object'],
    [{ task_data: '{}' }, 'must be an object'],
    [{ required_capabilities: ['proxy'] }, 'must be an object'],
    [{ run_at: '2026-01-01 08:00:00' }, 'with its zone'],
    [{ run_at: '2026-01-01' }, 'with its zone'],
    [{ run_at: '2040-01-01T00:00:00Z' }, '2038'],
    [{ run_at: '2038-01-19T03:14:08Z' }, '2038'],
    [{ run_at: '1969-12-31T23:59:59.999Z' }, '1970'],
    [{ dedup_key: 'a' }, 'is unknown'],
  ])('is refused as %j', (fields, why) => {
    expect(first(fields)).toContain(why);
  });

  it.each(['1970-01-01T00:00:00.000Z', '2038-01-19T03:14:07.000Z'])('may be due at %s', (run_at) => {
    expect(checkNewTasks({ task_type: 'a', run_at })).toEqual([{ task_type: 'a', run_at }]);
  });

  it('names five problems in the message, with a command that works, and whether there are more', () => {
    const said = (value: unknown) => {
      try {
        checkNewTasks(value);
      } catch (error) {
        return error as AfdError;
      }
      throw new Error('it was accepted');
    };
    const nothing = (n: number) => Array.from({ length: n }, () => ({}));
    const five = [0, 1, 2, 3, 4].map((n) => `task[${n}].task_type is missing`).join('; ');
    expect(said({}).message).toBe('A task to enqueue is not valid: task.task_type is missing.');
    expect(said(nothing(5)).message).toBe(`A task to enqueue is not valid: ${five}.`);
    expect(said(nothing(6)).message).toBe(`A task to enqueue is not valid: ${five}; and 1 more.`);
    expect(said({}).suggestions).toEqual([`afd tasks add --type sync_apps --data '{"username":"user@example.com"}'`]);
  });

  it('may have 4 KiB of requirements, which are read for a thousand lanes at a time', () => {
    const task = (bytes: number) => ({ task_type: 't', required_capabilities: { a: 'x'.repeat(bytes - 8) } });
    expect(checkNewTasks(task(4096))).toHaveLength(1);
    expect(() => checkNewTasks(task(4097))).toThrow(
      /required_capabilities has 4097 bytes as JSON; the maximum is 4096/,
    );
  });

  it('is refused when its data is no JSON, or more than a megabyte of it', () => {
    expect(first({ task_data: { big: 'x'.repeat(1024 * 1024) } })).toContain('bytes as JSON');
    expect(first({ task_data: { n: 1n } })).toContain('cannot be written as JSON');
  });

  it('keeps its instant whatever zone it was written in', () => {
    expect(checkNewTasks({ task_type: 'a', run_at: '2026-01-01T08:00:00+08:00' })).toEqual([
      { task_type: 'a', run_at: '2026-01-01T00:00:00.000Z' },
    ]);
  });

  it('holds whole characters only, so that a key is found again as it was written', () => {
    expect(checkNewTasks({ task_type: 'a', dedupe_key: 'k\ud800', task_data: { x: '\udc00' } })).toEqual([
      { task_type: 'a', dedupe_key: 'k\ufffd', task_data: { x: '\ufffd' } },
    ]);
  });

  it('is a copy: what the caller changes later is not inserted', () => {
    const data = { n: 1 };
    const [task] = checkNewTasks({ task_type: 'a', task_data: data });
    data.n = 2;
    expect(task?.task_data).toEqual({ n: 1 });
  });
});
