import type { Attempt, HandlerLog } from '../handler.ts';
import type { FromThread } from './handler-thread-messages.ts';
import { printOutput } from './thread-output.ts';

/** Who hears what a thread or process has to say apart from its attempts. */
export interface PlaceListener {
  onWarning(message: string): void;
  /** Where the hooks of this type's module log to. */
  logOf(task_type: string): HandlerLog;
}

/** Gives what the code of a handler said to its attempt, and what belongs to none to the worker. */
export function passOn(
  message: FromThread,
  attemptOf: (id: number) => Attempt | undefined,
  { onWarning, logOf }: PlaceListener,
): void {
  if (message.kind === 'log') attemptOf(message.id)?.log[message.level](message.message, message.fields);
  else if (message.kind === 'output') printOutput(attemptOf(message.id), message);
  else if (message.kind === 'place-log') logOf(message.task_type)[message.level](message.message, message.fields);
  else if (message.kind === 'warning') onWarning(message.message);
}
