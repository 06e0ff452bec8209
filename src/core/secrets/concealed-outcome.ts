import type { Outcome } from '../domain/attempt/outcome.ts';
import type { NewTask } from '../domain/task/task.ts';
import { type AttemptSecrets, SecretInside } from './attempt-secrets.ts';

type Done = Extract<Outcome, { kind: 'done' }>;

/**
 * The end of an attempt as it is stored: its result has references and *** in the place of values. The tasks that it adds have
 * references only, in their payload: a task with *** in it would fail later, for a reason that nobody finds. So the attempt fails.
 */
export function concealedOutcome(said: Done, secrets: AttemptSecrets): Outcome {
  try {
    const enqueue = said.enqueue.map((task) => referring(task, secrets));
    return { kind: 'done', result: secrets.masked(said.result), enqueue };
  } catch (error) {
    const why = (error as Error).message;
    const error_message = `The handler adds a task that cannot be stored: ${why}. Give it the reference secret:NAME.`;
    return { kind: 'permanent', error_class: 'secret_in_task', error_message };
  }
}

/** Its type is chosen among those that handlers have, and is no text of a handler. */
function referring({ task_type, task_data, username, app_id, ...others }: NewTask, secrets: AttemptSecrets): NewTask {
  if (JSON.stringify(secrets.masked(others)) !== JSON.stringify(others))
    throw new SecretInside('a field other than task_data, username and app_id contains the value of a secret');
  const payload = Object.entries({ task_data, username, app_id }).filter(([, value]) => value !== undefined);
  const shown = secrets.referring(Object.fromEntries(payload)) as Pick<NewTask, 'task_data' | 'username' | 'app_id'>;
  return { task_type, ...shown, ...others };
}
