import { constants } from 'node:os';
import {
  failedAttempt,
  LATER_SECONDS,
  resultOutcome,
  saidText,
  waitSeconds,
} from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { errorClass, errorText } from '../../domain/text/error-text.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { ResultFile } from './result-file.ts';

/** Exit codes with a meaning, from sysexits: EX_TEMPFAIL and EX_DATAERR. Every other one but 0 is a failed attempt. */
const LATER = 75;
const PERMANENT = 65;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last lines of stderr. */
  stderr: string;
  file: ResultFile;
  /** The configuration promises a result file. */
  result_promised: boolean;
  /** The kernel or the runtime ended it for want of memory. */
  out_of_memory: boolean;
  /** Milliseconds since 1970, for `until`. */
  now: number;
}

/** The outcome of a command that ended by itself. Never throws. */
export function exitOutcome(exit: Exit): Outcome {
  if (exit.code === 0) return successOutcome(exit);
  const said = exit.file.kind === 'value' && isFields(exit.file.value) ? exit.file.value : {};
  const name = exitName(exit);
  const spoken = saidText(said) ?? exit.stderr;
  const why = exit.out_of_memory ? ' (out of memory)' : '';
  const message = `The command ended with ${name.text}${why}${spoken === '' ? '' : `: ${spoken}`}`;
  if (exit.code === PERMANENT) {
    return {
      kind: 'permanent',
      error_message: errorText(message),
      error_class: errorClass(said.error_class, name.class),
    };
  }
  const wait = readWait(said, exit);
  if (exit.code === LATER) {
    return { kind: 'later', error_message: errorText(message + wait.note), after: wait.after ?? LATER_SECONDS };
  }
  const error_class = exit.out_of_memory ? 'oom' : errorClass(said.error_class, name.class);
  return failedAttempt(message + wait.note, error_class, wait.after);
}

function successOutcome({ file, result_promised, now }: Exit): Outcome {
  if (file.kind === 'value') return resultOutcome(file.value, { now });
  if (file.kind === 'bad') {
    return failedAttempt(
      `The command ended with exit code 0, but its result file is not usable: it ${file.problem}`,
      'BadResult',
    );
  }
  if (!result_promised) return { kind: 'done', result: null, enqueue: [] };
  return failedAttempt(
    'The command ended with exit code 0 without writing AFD_RESULT_FILE or a result event, although "result: true" is set.',
    'NoResult',
  );
}

/** The exit code decides; a result file that cannot be read only costs its wish for a time. */
function readWait(said: Record<string, unknown>, exit: Exit): { after?: number; note: string } {
  if (exit.file.kind === 'bad') return { note: ` (its result file ${exit.file.problem})` };
  try {
    const after = waitSeconds(said, exit.now);
    return after === undefined ? { note: '' } : { after, note: '' };
  } catch (error) {
    return { note: ` (its result file: ${thrownText(error)})` };
  }
}

/** A shell reports the signal that killed its child as 128 + number: 137 is SIGKILL. */
function exitName({ code, signal }: Exit): { text: string; class: string } {
  if (signal !== null) return { text: `signal ${signal}`, class: `signal_${signal}` };
  const [name] = Object.entries(constants.signals).find(([, number]) => number === (code ?? 0) - 128) ?? [];
  if (name !== undefined) return { text: `exit code ${code} (${name})`, class: `signal_${name}` };
  return { text: `exit code ${code}`, class: `exit_${code}` };
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
