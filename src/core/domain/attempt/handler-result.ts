// What a handler said, as an Outcome. One reading for a module's return value, a thrown error and a command's result
// file: an unknown word, an invalid task or a value that cannot be stored is a failed attempt, never done.
import { durationSeconds, instantMilliseconds } from '../duration.ts';
import { checkNewTasks } from '../task/new-task.ts';
import type { NewTask } from '../task/task.ts';
import { errorClass, errorText } from '../text/error-text.ts';
import { jsonSnapshot } from '../text/json-snapshot.ts';
import { thrownClass, thrownText } from '../text/thrown-text.ts';
import type { Outcome } from './outcome.ts';

/** Default limit of a result, in bytes of JSON. */
export const RESULT_BYTES = 4 * 1024 * 1024;
/** What to do with a larger one. */
export const RESULT_ADVICE = 'Store large data elsewhere (a file, a table), and return where it is';
/** Seconds until a task is tried again when `later` came without a time. */
export const LATER_SECONDS = 60;
/** Longest wait that is stored; more would leave the range of DATETIME. */
const LONGEST_AFTER = 3650 * 86_400;

export interface ResultRules {
  /** Milliseconds since 1970, to turn `until` into seconds. */
  now: number;
  /** Bytes of a result as JSON; default 4 MB. */
  max_bytes?: number;
}

type Fields = Record<string, unknown>;

/** A failed attempt that spends one of the budget; `after` (seconds) replaces the backoff. */
export function failedAttempt(message: string, error_class: unknown, after?: number): Outcome {
  return {
    kind: 'retry',
    error_message: errorText(message),
    error_class: errorClass(error_class),
    ...(after === undefined ? {} : { after }),
  };
}

/** The outcome of a value that a handler returned or wrote into its result file. Never throws. */
export function resultOutcome(value: unknown, rules: ResultRules): Outcome {
  try {
    return readResult(value, rules);
  } catch (error) {
    return failedAttempt(`The result of the handler cannot be read: ${thrownText(error)}`, 'BadResult');
  }
}

function readResult(value: unknown, rules: ResultRules): Outcome {
  if (value instanceof Error) return thrownOutcome(value, rules);
  if (!isFields(value)) return done(value, undefined, rules);
  if (typeof value.status !== 'string' && value.enqueue === undefined && !isWrapper(value)) {
    return done(value, undefined, rules);
  }
  const { status, enqueue, ...rest } = value;
  switch (status) {
    case 'done':
    case 'completed':
      return done(Object.hasOwn(value, 'result') ? value.result : rest, enqueue, rules);
    case 'error':
    case 'failed':
    case 'retry':
    case 'later':
    case 'permanent': {
      const message = saidText(value) ?? `The handler returned status "${status}" without a message.`;
      return unsuccessful(status, value, message, value.error_class ?? 'HandlerFailed', rules);
    }
  }
  if (typeof status === 'string') {
    return failedAttempt(
      `The handler returned the unknown status "${status.slice(0, 100)}" (known: done, completed, error, failed, ` +
        'retry, later, permanent). Put data that has its own "status" field under "result".',
      'UnknownStatus',
    );
  }
  // Without a status: what stands next to `enqueue` is the result, and nothing of it is lost.
  return done(isWrapper(value) ? value.result : { status, ...rest }, enqueue, rules);
}

/**
 * The outcome of anything that a handler threw. An object with `outcome: 'later' | 'permanent' | 'retry'` (and `after`
 * in seconds or as a duration, or `until` as an ISO time) says which; everything else is a failed attempt. Never throws.
 */
export function thrownOutcome(error: unknown, rules: ResultRules): Outcome {
  try {
    const message = thrownText(error);
    const said = (typeof error === 'object' && error !== null) || typeof error === 'function' ? (error as Fields) : {};
    const kind = said.outcome;
    if (kind === 'later' || kind === 'permanent' || kind === 'retry') {
      return unsuccessful(kind, said, message, thrownClass(error), rules);
    }
    return failedAttempt(message, thrownClass(error));
  } catch {
    return failedAttempt('The handler threw a value that cannot be read.', 'Unreadable');
  }
}

/** The text of a result object: its error_message, error, message or reason. */
export function saidText(said: Fields): string | undefined {
  for (const given of [said.error_message, said.error, said.message, said.reason]) {
    if (given !== undefined && given !== null && given !== '') return thrownText(given);
  }
  return undefined;
}

/** Seconds from now of `after` or `until`; undefined when neither is given. @throws Error that says what is wrong. */
export function waitSeconds(said: Fields, now: number): number | undefined {
  const { after = null, until = null } = said;
  if (after === null && until === null) return undefined;
  let seconds: number | undefined;
  if (after !== null) {
    seconds = durationSeconds(after);
    if (seconds === undefined)
      throw new Error(`"after" is not a number of seconds or a duration: ${thrownText(after)}`);
  } else {
    const at = instantMilliseconds(until);
    if (at === undefined) throw new Error(`"until" is not an ISO 8601 time with its zone: ${thrownText(until)}`);
    seconds = (at - now) / 1000;
  }
  return Math.min(Math.max(seconds, 0), LONGEST_AFTER);
}

function unsuccessful(
  kind: 'error' | 'failed' | 'retry' | 'later' | 'permanent',
  said: Fields,
  message: string,
  error_class: unknown,
  rules: ResultRules,
): Outcome {
  const error_message = errorText(message);
  if (kind === 'permanent') return { kind, error_message, error_class: errorClass(error_class) };
  let after: number | undefined;
  try {
    after = waitSeconds(said, rules.now);
  } catch (error) {
    return failedAttempt(`${error_message} (${thrownText(error)})`, error_class);
  }
  if (kind === 'later') return { kind, error_message, after: after ?? LATER_SECONDS };
  return failedAttempt(error_message, error_class, after);
}

function done(value: unknown, enqueue: unknown, rules: ResultRules): Outcome {
  let tasks: NewTask[] = [];
  if (enqueue !== undefined && enqueue !== null) {
    if (!Array.isArray(enqueue)) return failedAttempt('"enqueue" must be an array of tasks.', 'BadEnqueue');
    try {
      tasks = checkNewTasks(enqueue);
    } catch (error) {
      return failedAttempt(thrownText(error), 'BadEnqueue');
    }
  }
  const snapshot = jsonSnapshot(value, rules.max_bytes ?? RESULT_BYTES);
  if ('problem' in snapshot) {
    const advice = snapshot.bytes === undefined ? '' : ` ${RESULT_ADVICE}.`;
    return failedAttempt(`The result of the handler ${snapshot.problem}.${advice}`, 'BadResult');
  }
  return { kind: 'done', result: snapshot.value, enqueue: tasks };
}

/** `{result}`, with or without `enqueue`, and nothing else: the result is what stands in it. */
function isWrapper(value: Fields): boolean {
  return Object.hasOwn(value, 'result') && Object.keys(value).every((key) => key === 'result' || key === 'enqueue');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
