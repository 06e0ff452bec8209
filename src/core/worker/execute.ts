import type { Claimed } from '../db/finish-and-claim.ts';
import { INLINE_BYTES } from '../db/queries/candidate.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Attempt } from '../handlers/handler.ts';
import { missingPayload } from './missing-payload.ts';
import type { RunnerOptions } from './runner-options.ts';
import { handlerCall, type RunningAttempt } from './running-attempt.ts';

/** Calls the handler of one attempt that has a slot. Never rejects: what keeps it from being called is its outcome. */
export async function execute(
  { handlers, deviceId, board, payloadOf, logOf }: RunnerOptions,
  attempt: RunningAttempt,
  claimed: Claimed,
): Promise<Outcome> {
  const handler = handlers.get(claimed.task_type);
  if (handler === undefined) {
    return {
      kind: 'permanent',
      error_class: 'no_handler',
      error_message: `This device has no handler for ${claimed.task_type}.`,
    };
  }
  if (claimed.payload_bytes > INLINE_BYTES) {
    const missing = await missingPayload(attempt, claimed, payloadOf);
    if (missing !== undefined) return missing;
  }
  let call: Attempt;
  try {
    call = handlerCall(claimed, attempt, deviceId, logOf);
  } catch (error) {
    return {
      kind: 'permanent',
      error_class: 'payload',
      error_message: `The payload cannot be read: ${(error as Error).message}`,
    };
  }
  board.call(attempt.place);
  try {
    return handler.execute(call);
  } finally {
    board.call(-1);
  }
}
