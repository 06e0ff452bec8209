// What a task must have before it may be inserted. The database would refuse most of this too, but one row at a time,
// in its own words, and half-way through a bulk.
import { instantMilliseconds } from '../duration.ts';
import { AfdError } from '../errors.ts';
import { jsonSnapshot } from '../text/json-snapshot.ts';
import { REQUIREMENTS_BYTES } from './requirements.ts';
import type { NewTask } from './task.ts';
import { LONGEST_TIMEOUT_S } from './timeout.ts';

/** Bytes of task_data as JSON. */
export const TASK_DATA_BYTES = 1024 * 1024;
const INT = 2_147_483_647;
/** FROM_UNIXTIME of MariaDB 10.11 answers NULL for a later instant, and NULL is due at once. */
const LAST_RUN_AT = Date.parse('2038-01-19T03:14:07Z');
/** Problems that the message tells; `data.problems` has them all. */
const TOLD = 5;
const EXAMPLE = `afd tasks add --type sync_apps --data '{"username":"user@example.com"}'`;

/** `index` counts from 0, in input order. */
export interface TaskProblem {
  index: number;
  problem: string;
}

/** What a field becomes, or what is wrong with it. */
type Read = { value: unknown } | { problem: string };

const text =
  (most: number) =>
  (value: unknown): Read => {
    if (typeof value !== 'string') return { problem: 'must be a string' };
    if (value === '') return { problem: 'must not be empty' };
    // The server counts characters, not UTF-16 units; the driver would write half a character as U+FFFD.
    if ([...value].length > most) return { problem: `must have at most ${most} characters` };
    return { value: value.replace(/\p{Cs}/gu, '\ufffd') };
  };

/** username and app_id may be ''; the document's programs write that for "none". */
const label = (most: number) => (value: unknown) => (value === '' ? { value } : text(most)(value));

/** The column's collation ignores spaces at the end: "a " would be taken for "a", and that task would vanish. */
function key(value: unknown): Read {
  return typeof value === 'string' && value.endsWith(' ') ? { problem: 'must not end with a space' } : text(191)(value);
}

const whole =
  (least: number, most: number) =>
  (value: unknown): Read =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? { value }
      : { problem: `must be a whole number from ${least} to ${most}` };

function date(value: unknown): Read {
  const real =
    typeof value === 'string' &&
    /^[1-9]\d{3}-\d{2}-\d{2}$/.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    new Date(value).toISOString().startsWith(value);
  return real ? { value } : { problem: 'must be a date "YYYY-MM-DD"' };
}

function instant(value: unknown): Read {
  const at = instantMilliseconds(value);
  if (at === undefined) return { problem: 'must be an ISO 8601 time with its zone, such as "2026-11-24T08:00:00Z"' };
  if (at < 0 || at > LAST_RUN_AT) return { problem: 'must be between 1970-01-01 and 2038-01-19' };
  return { value: new Date(at).toISOString() };
}

const json =
  (most: number) =>
  (value: unknown): Read => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'must be an object' };
    return jsonSnapshot(value, most);
  };

const FIELDS: Record<keyof NewTask, (value: unknown) => Read> = {
  task_type: text(32),
  task_data: json(TASK_DATA_BYTES),
  username: label(255),
  app_id: label(128),
  start_date: date,
  end_date: date,
  priority: whole(1, 10),
  required_capabilities: json(REQUIREMENTS_BYTES),
  dedupe_key: key,
  run_at: instant,
  max_retry_count: whole(0, INT),
  execution_timeout: whole(1, LONGEST_TIMEOUT_S),
  estimated_duration: whole(0, INT),
  concurrency_key: key,
};

/**
 * Tasks as a handler, a file or a caller wrote them, checked and copied: one task or an array. All of them, or none.
 * @throws AfdError E_USAGE that names each task (by its place), field and problem; `data.problems`: TaskProblem[]
 */
export function checkNewTasks(value: unknown): NewTask[] {
  const given = Array.isArray(value) ? value : [value];
  const problems: TaskProblem[] = [];
  const tasks = given.map((item, index) => readTask(item, (problem) => problems.push({ index, problem })));
  if (problems.length === 0) return tasks;
  const place = (index: number) => (Array.isArray(value) ? `task[${index}]` : 'task');
  const told = problems.slice(0, TOLD).map((one) => `${place(one.index)}${one.problem}`);
  const more = problems.length > TOLD ? `; and ${problems.length - TOLD} more` : '';
  throw new AfdError('E_USAGE', `A task to enqueue is not valid: ${told.join('; ')}${more}.`, {
    suggestions: [EXAMPLE],
    data: { problems: problems.map((one) => ({ ...one, problem: one.problem.slice(1) })) },
  });
}

function readTask(value: unknown, refuse: (problem: string) => void): NewTask {
  const task: Record<string, unknown> = {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(' must be an object');
    return task as unknown as NewTask;
  }
  for (const [name, given] of Object.entries(value)) {
    // A misspelt dedupe_key would make duplicates in silence.
    if (!Object.hasOwn(FIELDS, name)) refuse(`.${name} is unknown (known: ${Object.keys(FIELDS).join(', ')})`);
    else if (given === undefined) continue;
    else if (given === null && name !== 'task_type') task[name] = null;
    else {
      const read = FIELDS[name as keyof NewTask](given);
      if ('problem' in read) refuse(`.${name} ${read.problem}`);
      task[name] = 'value' in read ? read.value : null;
    }
  }
  if (task.task_type === undefined) refuse('.task_type is missing');
  return task as unknown as NewTask;
}
