import type { Attempt, HandlerLog } from '../handler.ts';
import { forwardSaid } from './forward-said.ts';
import type { FromThread, ToThread } from './handler-thread-messages.ts';
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
  /** Of the message; undefined = of none, or of one that has settled. */
  attempt: Attempt | undefined,
  { onWarning, logOf }: PlaceListener,
  answer: (message: ToThread) => void,
): void {
  if (message.kind === 'log' || message.kind === 'report' || message.kind === 'checkpoint') {
    forwardSaid(attempt, message, answer);
  } else if (message.kind === 'output') printOutput(attempt, message);
  else if (message.kind === 'place-log') logOf(message.task_type)[message.level](message.message, message.fields);
  else if (message.kind === 'warning') onWarning(message.message);
}
