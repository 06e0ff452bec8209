import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { unbegunOutcome } from '../../handlers/aborted-outcome.ts';
import type { Payloads } from '../claim/payloads.ts';
import type { RunningAttempt } from './running-attempt.ts';

/** Fetches the payload that did not come with the claim. An outcome = the handler need not begin. Never rejects. */
export async function missingPayload(
  attempt: RunningAttempt,
  claimed: ClaimedTask,
  payloads: Payloads,
): Promise<Outcome | undefined> {
  const { task_id, claim_token } = attempt;
  try {
    const payload = await payloads.fetch({ task_id, claim_token, payload_bytes: claimed.payload_bytes });
    if (payload === undefined) attempt.stop.abort('lost');
    claimed.task_data = payload ?? null;
  } catch (error) {
    return { kind: 'retry', error_class: 'payload', error_message: (error as Error).message };
  }
  const { reason } = attempt.stop;
  return reason === undefined ? undefined : unbegunOutcome(reason);
}
