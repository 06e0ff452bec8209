import type { Outcome, ReleaseCause } from '../domain/attempt/outcome.ts';
import { errorText } from '../domain/text/error-text.ts';
import type { AbortReason } from './handler.ts';

/** `lost` is never written: the fence refuses whatever the attempt says. `uncaught` neither: that attempt has ended. */
const CAUSES: Record<Exclude<AbortReason, 'timeout'>, ReleaseCause> = {
  revoked: 'revoked',
  lost: 'revoked',
  shutdown: 'shutdown',
  database: 'database',
  uncaught: 'stuck',
};

/**
 * The end of an attempt that the worker ended: `timeout` spends an attempt, every other reason gives the task back.
 * Whatever the handler said on its way out (but a plain `done`) came from being interrupted and does not count.
 */
export function abortedOutcome(reason: unknown, timeout: number, detail: string): Outcome {
  if (reason === 'timeout') {
    return { kind: 'timeout', error_message: errorText(`Timed out after ${timeout} s${detail}`) };
  }
  const known = typeof reason === 'string' && Object.hasOwn(CAUSES, reason);
  return { kind: 'released', cause: known ? CAUSES[reason as keyof typeof CAUSES] : 'shutdown' };
}

/**
 * The end of an attempt that the worker ended while it fetched what the handler needs: the time was the worker's, so that a `timeout`
 * gives the task back too.
 */
export function unbegunOutcome(reason: unknown): Outcome {
  return reason === 'timeout' ? { kind: 'released', cause: 'database' } : abortedOutcome(reason, 0, '');
}

/**
 * What counts of an outcome when the attempt was aborted meanwhile (`reason`; undefined = it was not): a `done` counts,
 * unless it is late; all else came from being interrupted.
 */
export function keptOutcome(outcome: Outcome, reason: unknown, timeout: number): Outcome {
  const { kind } = outcome;
  if (reason === undefined || kind === 'timeout' || kind === 'released') return outcome;
  if (kind === 'done' && reason !== 'timeout') return outcome;
  return abortedOutcome(reason, timeout, 'error_message' in outcome ? `; its error: ${outcome.error_message}` : '');
}

/** What a run log says when the worker ends the attempt from outside. */
export function abortSentence(reason: AbortReason, timeout: number, revokedBy: string | null): string {
  switch (reason) {
    case 'timeout':
      return `The attempt has reached its timeout of ${timeout} s; the worker ends it.`;
    case 'revoked':
      return `The attempt was revoked by ${revokedBy ?? 'an operator'}; the worker ends it.`;
    case 'lost':
      return 'Another process ended this attempt; the worker stops its handler, and nothing it says counts.';
    case 'shutdown':
      return 'The worker is stopping; it releases the task.';
    case 'database':
      return 'The database has been away for too long; the worker releases the task.';
    case 'uncaught':
      return 'An error that no code of the handler caught has ended the attempt.';
  }
}
