import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import { INLINE_BYTES } from '../../db/claim/claimed-task.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Attempt, Handler } from '../../handlers/handler.ts';
import { attemptSecrets, secretsOf } from './attempt-references.ts';
import { earlierCheckpoint } from './earlier-checkpoint.ts';
import { HandlerCall } from './handler-call.ts';
import { missingPayload } from './missing-payload.ts';
import type { RunnerOptions } from './runner-options.ts';
import type { RunningAttempt } from './running-attempt.ts';

/**
 * Calls the handler of one attempt that has a slot. Never rejects: what keeps it from being called is its outcome. Without
 * anything to fetch, the handler is called before this returns, and nothing but its own promise is waited for.
 */
export function execute(options: RunnerOptions, attempt: RunningAttempt, claimed: ClaimedTask): Promise<Outcome> {
  const handler = options.handlers.get(claimed.task_type);
  if (handler === undefined) {
    const error_message = `This device has no handler for ${claimed.task_type}.`;
    return Promise.resolve({ kind: 'permanent', error_class: 'no_handler', error_message });
  }
  // An earlier attempt may have stored a checkpoint.
  const first = attempt.attempt === 1;
  const inline = claimed.payload_bytes <= INLINE_BYTES;
  if (first && inline && secretsOf(claimed, handler).length === 0) return call(options, handler, attempt, claimed);
  return prepare(options, handler, attempt, claimed).then(
    (missing) => missing ?? call(options, handler, attempt, claimed),
  );
}

/** Fetches what did not come with the claim. An outcome = the handler need not begin. Never rejects. */
async function prepare(
  options: RunnerOptions,
  handler: Handler,
  attempt: RunningAttempt,
  claimed: ClaimedTask,
): Promise<Outcome | undefined> {
  const { payloads, reports } = options;
  if (claimed.payload_bytes > INLINE_BYTES) {
    const missing = await missingPayload(attempt, claimed, payloads);
    if (missing !== undefined) return missing;
  }
  const early = attempt.attempt === 1 ? undefined : await earlierCheckpoint(attempt, reports);
  if (early !== undefined) return early;
  // Last, so that they are in memory for as short a time as can be.
  const wanted = secretsOf(claimed, handler);
  return wanted.length === 0 ? undefined : attemptSecrets(attempt, wanted, options);
}

function call(
  options: RunnerOptions,
  handler: Handler,
  attempt: RunningAttempt,
  claimed: ClaimedTask,
): Promise<Outcome> {
  const { deviceId, board } = options;
  let asked: Attempt;
  try {
    asked = new HandlerCall(claimed, attempt, deviceId, options);
  } catch (error) {
    const error_message = `The payload cannot be read: ${(error as Error).message}`;
    return Promise.resolve({ kind: 'permanent', error_class: 'payload', error_message });
  }
  board.call(attempt.place);
  try {
    return handler.execute(asked);
  } finally {
    board.call(-1);
  }
}
