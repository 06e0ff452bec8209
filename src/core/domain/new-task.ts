import { instantMilliseconds } from './duration.ts';
import { AfdError } from './errors.ts';
import { jsonSnapshot } from './json-snapshot.ts';
import type { NewTask } from './task.ts';

/** Bytes of task_data as JSON (OPS.md: the payload limit). */
export const TASK_DATA_BYTES = 1024 * 1024;
const INT = 2_147_483_647;

/** What a field becomes, or what is wrong with it. */
type Read = { value: unknown } | { problem: string };

const text =
  (most: number) =>
  (value: unknown): Read => {
    if (typeof value !== 'string') return { problem: 'must be a string' };
    if (value === '') return { problem: 'must not be empty' };
    return [...value].length > most ? { problem: `must have at most ${most} characters` } : { value };
  };

/** username and app_id may be ''; the document's programs write that for "none". */
const label = (most: number) => (value: unknown) => (value === '' ? { value } : text(most)(value));

const whole =
  (least: number, most: number) =>
  (value: unknown): Read =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? { value }
      : { problem: `must be a whole number from ${least} to ${most}` };

function date(value: unknown): Read {
  const real =
    typeof value === 'string' &&
    /^\d{4}-\d{2}-\d{2}$/.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    new Date(value).toISOString().startsWith(value);
  return real ? { value } : { problem: 'must be a date "YYYY-MM-DD"' };
}

function instant(value: unknown): Read {
  const at = instantMilliseconds(value);
  if (at === undefined) return { problem: 'must be an ISO 8601 time with its zone, such as "2026-11-24T08:00:00Z"' };
  return { value: new Date(at).toISOString() };
}

function json(value: unknown): Read {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'must be an object' };
  return jsonSnapshot(value, TASK_DATA_BYTES);
}

const FIELDS: Record<keyof NewTask, (value: unknown) => Read> = {
  task_type: text(32),
  task_data: json,
  username: label(255),
  app_id: label(128),
  start_date: date,
  end_date: date,
  priority: whole(1, 10),
  required_capabilities: json,
  dedupe_key: text(191),
  run_at: instant,
  max_retry_count: whole(0, INT),
  execution_timeout: whole(1, INT),
  estimated_duration: whole(0, INT),
  concurrency_key: text(191),
};

/**
 * Tasks as a handler, a file or a caller wrote them, checked and copied: one task or an array. All of them, or none.
 * @throws AfdError E_USAGE that names the task (by its place), the field and what is wrong.
 */
export function checkNewTasks(value: unknown): NewTask[] {
  return Array.isArray(value) ? value.map((item, index) => checkNewTask(item, `[${index}]`)) : [checkNewTask(value)];
}

function checkNewTask(value: unknown, place = ''): NewTask {
  const refuse = (problem: string) =>
    new AfdError('E_USAGE', `A task to enqueue is not valid: task${place}${problem}.`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(' must be an object');
  const task: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(value)) {
    // A misspelt dedupe_key would make duplicates in silence.
    if (!Object.hasOwn(FIELDS, key)) {
      throw refuse(`.${key} is unknown (known: ${Object.keys(FIELDS).join(', ')})`);
    }
    if (given === undefined) continue;
    if (given === null && key !== 'task_type') {
      task[key] = null;
      continue;
    }
    const read = FIELDS[key as keyof NewTask](given);
    if ('problem' in read) throw refuse(`.${key} ${read.problem}`);
    task[key] = read.value;
  }
  if (task.task_type === undefined) throw refuse('.task_type is missing');
  return task as unknown as NewTask;
}
