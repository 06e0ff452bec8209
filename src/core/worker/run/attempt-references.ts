import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { effectivePayload } from '../../domain/task/payload.ts';
import { errorText } from '../../domain/text/error-text.ts';
import { unbegunOutcome } from '../../handlers/aborted-outcome.ts';
import type { Handler } from '../../handlers/handler.ts';
import { AttemptSecrets } from '../../secrets/attempt-secrets.ts';
import type { FoundSecret, SecretProblem } from '../../secrets/find-secrets.ts';
import { mayRefer, referencesIn, type SecretReference } from '../../secrets/references.ts';
import type { RunnerOptions } from './runner-options.ts';
import type { RunningAttempt } from './running-attempt.ts';

/** Secrets that the payload and the environment of its handler refer to; most tasks have none. */
export function secretsOf(claimed: ClaimedTask, handler: Handler): SecretReference[] {
  const { task_data, username, app_id } = claimed;
  const none = handler.secrets === undefined && !mayRefer(username) && !mayRefer(app_id) && !mayRefer(task_data);
  if (none) return [];
  try {
    return referencesIn([effectivePayload(claimed, task_data), handler.secrets ?? []]);
  } catch {
    // The payload cannot be read, and that is said where it is given to the handler.
    return [];
  }
}

/** Gets the secrets of an attempt. An outcome = the handler need not begin. Never rejects. */
export async function attemptSecrets(
  attempt: RunningAttempt,
  references: SecretReference[],
  { secrets, hide }: Pick<RunnerOptions, 'secrets' | 'hide'>,
): Promise<Outcome | undefined> {
  const { task_id, claim_token, task_type } = attempt;
  // The database may be away; its handler, which takes this listener's place, has not begun.
  const aborted = new Promise<undefined>((resolve) => attempt.stop.onAbort(() => resolve(undefined)));
  const wanted = [...new Set(references.map(({ name }) => name))];
  let found: FoundSecret[] | undefined;
  try {
    found = await Promise.race([secrets({ task_id, claim_token, task_type, wanted }), aborted]);
  } catch (error) {
    return { kind: 'retry', error_class: 'secret', error_message: errorText((error as Error).message) };
  }
  const { reason } = attempt.stop;
  if (found === undefined || reason !== undefined) return unbegunOutcome(reason);
  const values = new Map<string, unknown>();
  for (const one of found) {
    if ('problem' in one) return refused(one);
    values.set(one.name, one.value);
  }
  const own = new AttemptSecrets(values);
  try {
    for (const one of references) own.valueOf(one);
  } catch (error) {
    return refused({ problem: 'secret_missing', message: (error as Error).message });
  }
  attempt.secrets = own;
  // It may have been made before the values were known.
  attempt.mask = undefined;
  hide(own.texts);
  return undefined;
}

/** Another device may have the key, and this one may get it; else only an operator can help, and no retry does. */
function refused({ problem, message }: { problem: SecretProblem; message: string }): Outcome {
  const kind = problem === 'secret_key' ? 'retry' : 'permanent';
  return { kind, error_class: problem, error_message: errorText(message) };
}
