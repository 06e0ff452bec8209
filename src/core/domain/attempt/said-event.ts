// What a command may say while it runs, one JSON object on a line: the words of a module's ctx.
import { checkNewTasks } from '../task/new-task.ts';
import type { NewTask } from '../task/task.ts';
import { thrownText } from '../text/thrown-text.ts';
import { waitSeconds } from './handler-result.ts';
import { type Checked, metricOf, type Progress, progressOf } from './report.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

export type SaidEvent =
  | ({ type: 'progress' } & Progress)
  | { type: 'log'; level: Level; message: string; fields: Fields }
  | { type: 'metric'; name: string; value: number }
  | { type: 'checkpoint'; value: unknown }
  | { type: 'enqueue'; tasks: NewTask[] }
  | { type: 'result'; value: unknown }
  | { type: 'later'; after: unknown; until: unknown; message: string };

type Fields = Record<string, unknown>;

const READ: Record<SaidEvent['type'], (said: Fields) => Checked<SaidEvent>> = {
  progress: ({ done, total, message }) => typed('progress', progressOf(done, total, message)),
  metric: ({ name, value }) => typed('metric', metricOf(name, value)),
  log: readLog,
  checkpoint: (said) => readValue('checkpoint', said),
  result: (said) => readValue('result', said),
  enqueue: readEnqueue,
  later: readLater,
};
const TYPES = Object.keys(READ);

/** An event as a command wrote it, checked; other keys are ignored, except those of a log line. Never throws. */
export function eventOf(value: unknown): Checked<SaidEvent> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'is not a JSON object' };
  const { type } = value as Fields;
  if (typeof type !== 'string') return { problem: `has no type (known: ${TYPES.join(', ')})` };
  if (!Object.hasOwn(READ, type)) {
    return { problem: `has the unknown type "${type.slice(0, 40)}" (known: ${TYPES.join(', ')})` };
  }
  return READ[type as SaidEvent['type']](value as Fields);
}

/** True for the beginning of a line that may decide how the attempt ends: without it, done would be a guess. */
export function decidesTheEnd(line: string): boolean {
  return /"type"\s*:\s*"(?:result|enqueue|later)"/.test(line);
}

function typed<T extends 'progress' | 'metric', V extends object>(type: T, checked: Checked<V>) {
  return 'problem' in checked ? checked : { type, ...checked };
}

function readLog({ type: _, level = 'info', message, ...fields }: Fields): Checked<SaidEvent> {
  if (!isLevel(level)) return { problem: `log: the level is none of ${LEVELS.join(', ')}` };
  if (typeof message !== 'string') return { problem: 'log: the message is not a text' };
  return { type: 'log', level, message, fields };
}

function readValue(type: 'checkpoint' | 'result', said: Fields): Checked<SaidEvent> {
  return Object.hasOwn(said, 'value') ? { type, value: said.value } : { problem: `${type}: it has no "value"` };
}

function readEnqueue({ tasks, task }: Fields): Checked<SaidEvent> {
  if (tasks !== undefined && !Array.isArray(tasks)) return { problem: 'enqueue: "tasks" is not an array' };
  if ((tasks === undefined) === (task === undefined)) return { problem: 'enqueue: give either "tasks" or "task"' };
  try {
    return { type: 'enqueue', tasks: checkNewTasks(tasks ?? [task]) };
  } catch (error) {
    return { problem: `enqueue: ${thrownText(error)}` };
  }
}

function readLater({ after, until, message }: Fields): Checked<SaidEvent> {
  try {
    waitSeconds({ after, until }, 0);
  } catch (error) {
    return { problem: `later: ${thrownText(error)}` };
  }
  const reason =
    typeof message === 'string' && message.trim() !== '' ? message : 'The command asked for a later attempt.';
  return { type: 'later', after, until, message: reason };
}

function isLevel(level: unknown): level is Level {
  return LEVELS.includes(level as Level);
}
