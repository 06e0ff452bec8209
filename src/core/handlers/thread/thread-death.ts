// What becomes of the attempts of a thread that ended. Somebody always pays with an attempt of its budget, or a task that
// ends threads would run for ever and release the others each time.
import { failedAttempt } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import { abortedOutcome } from '../aborted-outcome.ts';
import type { Attempt } from '../handler.ts';

/** Why a thread ended. `id` = the attempt whose code did it; 0 = not known. */
export type Death =
  /** We asked it to, or forced it: a handler ignored its abort signal, or the worker stops. */
  | { kind: 'asked' }
  /** A handler's code went on without a pause, so that the thread did not read an abort in time. */
  | { kind: 'blocked'; id: number }
  /** `process.exit`, or an error outside of every promise. */
  | { kind: 'crash'; id: number; message: string; error_class: string }
  | { kind: 'memory'; id: number }
  | { kind: 'unloaded'; message: string; code: ErrorCode }
  /** It ended for an unknown reason. */
  | { kind: 'vanished'; id: number; message: string };

/** An attempt that had not settled when its thread ended. */
export interface Left {
  id: number;
  /** Its handler had been called. */
  begun: boolean;
  /** The reason of its abort. */
  aborted: unknown;
  /** Seconds. */
  timeout: number;
}

/** `lastBegun`: the last attempt whose handler was called; ids wrap around. */
export function leftOf({ id, attempt }: { id: number; attempt: Attempt }, lastBegun: number): Left {
  return { id, begun: ((lastBegun - id) | 0) >= 0, aborted: attempt.aborted(), timeout: attempt.task.timeout };
}

/** The outcome of each, in their order. */
export function outcomesAfterDeath(death: Death, left: Left[]): Outcome[] {
  const begun = left.filter((one) => one.begun);
  // A heap that others filled before they ended has no culprit left.
  const known =
    'id' in death && death.id !== 0 && (death.kind !== 'memory' || begun.some((one) => one.id === death.id));
  // Alone in its thread, it was it.
  const culprit = known ? begun.find((one) => one.id === death.id) : begun.length === 1 ? begun[0] : undefined;
  return left.map((one) => outcomeOf(one, death, culprit, known, begun.length));
}

const RELEASED: Outcome = { kind: 'released', cause: 'handler_thread' };

function outcomeOf(one: Left, death: Death, culprit: Left | undefined, known: boolean, begun: number): Outcome {
  if (death.kind === 'unloaded') {
    return failedAttempt(`The handler cannot be loaded again: ${death.message}`, 'HandlerLoad');
  }
  const mine = culprit === one;
  if (one.aborted !== undefined) {
    // Its time went by because another one's code let nothing else run.
    if (death.kind === 'blocked' && culprit !== undefined && !mine) return RELEASED;
    const ignored = death.kind === 'asked' || death.kind === 'blocked';
    const how = ignored ? '; its handler ignored the abort signal, so its thread was terminated' : `; ${said(death)}`;
    return abortedOutcome(one.aborted, one.timeout, one.begun ? how : '; the handler had not started');
  }
  if (death.kind === 'asked' || !one.begun) return RELEASED;
  if (mine) return failedAttempt(said(death), classOf(death));
  if (known || death.kind === 'blocked') return RELEASED;
  return failedAttempt(
    `${said(death)}; it is not known which of the ${begun} attempts in that thread caused it`,
    classOf(death),
  );
}

function said(death: Exclude<Death, { kind: 'unloaded' }>): string {
  switch (death.kind) {
    case 'crash':
      return death.message;
    case 'memory':
      return 'the handler thread ran out of memory (raise the limit with NODE_OPTIONS=--max-old-space-size=<megabytes>)';
    case 'blocked':
      return 'the handler blocked its thread for longer than the timeout of other attempts in it';
    case 'vanished':
      return `the handler thread ended unexpectedly: ${death.message}`;
    case 'asked':
      return 'the handler thread was terminated';
  }
}

function classOf(death: Death): string {
  if (death.kind === 'crash') return death.error_class;
  return { memory: 'OutOfMemory', blocked: 'BlockedThread' }[death.kind as string] ?? 'ThreadEnded';
}
