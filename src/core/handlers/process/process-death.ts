// What becomes of the attempt whose process ended before it had.
import { failedAttempt } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { HandlerTask } from '../../domain/task/task.ts';
import { abortedOutcome } from '../aborted-outcome.ts';

/** Why a process ended. */
export type ProcessDeath =
  /** We asked it to: the worker stops, or it is replaced. */
  | { kind: 'asked' }
  /** We killed it: its handler ignored the abort signal, or it did not end when it was asked to. */
  | { kind: 'killed' }
  /** `process.exit`, or an error outside of every promise. `id`: the attempt whose code did it; 0 = that of the module. */
  | { kind: 'crash'; id: number; message: string; error_class: string }
  | { kind: 'unloaded'; message: string; code: ErrorCode }
  | { kind: 'not started'; message: string }
  /** It ended without a word. */
  | { kind: 'exit'; code: number | null; signal: NodeJS.Signals | null; stderr: string; out_of_memory: boolean };

export interface LeftAttempt {
  id: number;
  /** Its handler had been called. */
  begun: boolean;
  /** The reason of its abort. */
  aborted: unknown;
  /** Seconds. */
  timeout: number;
}

const RELEASED: Outcome = { kind: 'released', cause: 'handler_process' };

export function outcomeAfterDeath(death: ProcessDeath, left: LeftAttempt): Outcome {
  if (death.kind === 'unloaded') {
    return failedAttempt(`The handler cannot be loaded again: ${death.message}`, 'HandlerLoad');
  }
  if (left.aborted !== undefined) {
    const detail = left.begun ? `; ${saidOf(death)}` : '; the handler had not started';
    return abortedOutcome(left.aborted, left.timeout, detail);
  }
  if (death.kind === 'not started') return failedAttempt(saidOf(death), 'ProcessStart');
  // It died of what an earlier attempt left behind, or of what the module does between attempts.
  if (!left.begun || death.kind === 'asked' || death.kind === 'killed') return RELEASED;
  if (death.kind === 'crash' && death.id !== 0 && death.id !== left.id) return RELEASED;
  return failedAttempt(saidOf(death), classOf(death));
}

export function ignoredSentence({ task_id, task_type, attempt }: HandlerTask): string {
  return `task ${task_id} (${task_type}), attempt ${attempt} ignores its abort signal, so its process is killed; make the handler obey ctx.signal`;
}

/** The end of a process as part of a sentence. */
export function saidOf(death: ProcessDeath): string {
  switch (death.kind) {
    case 'asked':
      return 'its process was ended';
    case 'killed':
      return 'its handler ignored the abort signal, so its process was killed';
    case 'not started':
      return `the process of the handler cannot be started: ${death.message}`;
    case 'crash':
    case 'unloaded':
      return death.message;
    case 'exit':
      return exitText(death);
  }
}

function exitText({ code, signal, stderr, out_of_memory }: ProcessDeath & { kind: 'exit' }): string {
  if (out_of_memory) {
    return 'the process of the handler ran out of memory (raise the limit with env: { NODE_OPTIONS: --max-old-space-size=<megabytes> })';
  }
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const why = signal === 'SIGKILL' ? ', which afd did not send; the kernel sends it when memory runs out' : '';
  return `the process of the handler ended with ${how}${why}${stderr === '' ? '' : `: ${stderr}`}`;
}

function classOf(death: ProcessDeath): string {
  if (death.kind === 'crash') return death.error_class;
  if (death.kind !== 'exit') return 'ProcessEnded';
  if (death.out_of_memory) return 'OutOfMemory';
  return death.signal === null ? `exit_${death.code}` : `signal_${death.signal}`;
}
