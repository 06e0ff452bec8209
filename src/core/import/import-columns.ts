// What an import may say about a task: the keys of NewTask, in a CSV as text, in JSON lines as JSON values.
import { didYouMean } from '../config/did-you-mean.ts';
import { AfdError } from '../domain/errors.ts';
import { checkNewTasks, type TaskProblem } from '../domain/task/new-task.ts';
import type { NewTask } from '../domain/task/task.ts';

export const IMPORT_COLUMNS = [
  'task_type',
  'task_data',
  'username',
  'app_id',
  'start_date',
  'end_date',
  'priority',
  'required_capabilities',
  'dedupe_key',
  'run_at',
  'max_retry_count',
  'execution_timeout',
  'estimated_duration',
  'concurrency_key',
] as const satisfies ReadonlyArray<keyof NewTask>;

const JSON_COLUMNS = new Set<string>(['task_data', 'required_capabilities']);
const NUMBERS = new Set<string>(['priority', 'max_retry_count', 'execution_timeout', 'estimated_duration']);
const KNOWN = new Set<string>(IMPORT_COLUMNS);

export interface ReadOptions {
  /** For rows that name no type. */
  defaultType: string | undefined;
  /** ISO 8601 of what stands in run_at. @throws Error in a sentence */
  readWhen: (text: string) => string;
}

export type ReadRow = { task: NewTask } | { problem: string };

/** One row as a task, or what is wrong with it; `fields` as a CSV or a JSON line gave them. */
export function readRow(fields: Record<string, unknown>, options: ReadOptions): ReadRow {
  const task: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(fields)) {
    if (!KNOWN.has(name)) return { problem: unknownColumn(name) };
    if (given === null || given === undefined) continue;
    try {
      task[name] = name === 'run_at' && typeof given === 'string' ? options.readWhen(given) : readValue(name, given);
    } catch (error) {
      return { problem: `${name}: ${(error as Error).message}` };
    }
  }
  if (options.defaultType !== undefined) task.task_type ??= options.defaultType;
  if (task.task_type === undefined) return { problem: 'task_type is missing' };
  try {
    return { task: checkNewTasks(task)[0]! };
  } catch (error) {
    const problems = (error as AfdError).data?.problems as TaskProblem[] | undefined;
    if (problems === undefined) throw error;
    return { problem: problems.map((one) => one.problem).join('; ') };
  }
}

/** A sentence that names the column that was meant, if one is near. */
export function unknownColumn(name: string): string {
  const word = name.trim().toLowerCase();
  const near = didYouMean(word, IMPORT_COLUMNS) ?? IMPORT_COLUMNS.find((one) => one.split('_').includes(word));
  const hint = near === undefined ? `The columns are ${IMPORT_COLUMNS.join(', ')}.` : `Did you mean "${near}"?`;
  return `unknown column "${name.slice(0, 60)}". ${hint}`;
}

/** The header of a CSV. @throws AfdError E_USAGE for a column that is unknown or stands there twice */
export function checkHeader(header: string[]): string[] {
  const names = header.map((one) => one.trim());
  const sentence = (problem: string) => new AfdError('E_USAGE', `Line 1: ${problem}`, { data: { line: 1, problem } });
  for (const [n, name] of names.entries()) {
    if (!KNOWN.has(name)) throw sentence(unknownColumn(name));
    if (names.indexOf(name) !== n) throw sentence(`the column "${name}" occurs twice.`);
  }
  return names;
}

function readValue(name: string, given: unknown): unknown {
  if (typeof given !== 'string') return given;
  if (NUMBERS.has(name)) {
    const number = given.trim() === '' ? Number.NaN : Number(given);
    if (Number.isNaN(number)) throw new Error(`"${given.slice(0, 40)}" is not a number`);
    return number;
  }
  if (!JSON_COLUMNS.has(name)) return given;
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    throw new Error(`not JSON (${(error as Error).message.slice(0, 120)})`);
  }
  return value;
}
