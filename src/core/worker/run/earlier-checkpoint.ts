import type { Outcome } from '../../domain/attempt/outcome.ts';
import { unbegunOutcome } from '../../handlers/aborted-outcome.ts';
import type { Reporter } from '../report/reporter.ts';
import type { RunningAttempt } from './running-attempt.ts';

/** Fetches what an earlier attempt stored. An outcome = the handler need not begin. Never rejects. */
export async function earlierCheckpoint(
  attempt: RunningAttempt,
  reports: Pick<Reporter, 'read'>,
): Promise<Outcome | undefined> {
  // The database may be away; its handler, which takes this listener's place, has not begun.
  const aborted = new Promise<undefined>((resolve) => attempt.stop.onAbort(() => resolve(undefined)));
  try {
    const text = await Promise.race([reports.read(attempt), aborted]);
    attempt.checkpoint = text === undefined ? null : JSON.parse(text);
  } catch (error) {
    return { kind: 'retry', error_class: 'checkpoint', error_message: (error as Error).message };
  }
  const { reason } = attempt.stop;
  return reason === undefined ? undefined : unbegunOutcome(reason);
}
