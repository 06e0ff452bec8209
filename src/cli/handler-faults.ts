// What a handler module may do to the whole process of a worker, beside every other task in it: call process.exit, throw
// where nobody catches, forget a promise. Here Node is asked to hand it over; core/worker/strays.ts decides whose it is.

import { redactText } from '../core/redact.ts';
import { Strays } from '../core/worker/strays.ts';
import { endNow } from './end-process.ts';
import { printable } from './render/text.ts';

/** EX_SOFTWARE: E_UNCAUGHT before there was a worker to end in order. */
const UNCAUGHT = 70;

/** Takes over for a worker that starts now. `dispose` gives Node back as it was. */
export function catchHandlerFaults(): { strays: Strays; dispose(): void } {
  const strays = new Strays();
  const thrown = (error: unknown) => {
    if (strays.thrown(error)) return;
    const text = redactText(textOf(error)).split('\n').map(printable).join('\n');
    process.stderr.write(`Error: An error was thrown that nobody caught: ${text} [E_UNCAUGHT]\n`);
    endNow(UNCAUGHT);
  };
  const rejected = (reason: unknown) => strays.rejected(reason);
  const { exit } = process;
  process.on('uncaughtException', thrown);
  process.on('unhandledRejection', rejected);
  process.exit = refuseExit;
  return {
    strays,
    dispose() {
      process.off('uncaughtException', thrown);
      process.off('unhandledRejection', rejected);
      process.exit = exit;
    },
  };
}

function refuseExit(code?: unknown): never {
  const called = `process.exit(${code === undefined ? '' : String(code)})`;
  const error = new Error(
    `${called} was called by a handler, which would end this worker with every other task; return from the handler, or throw`,
  );
  error.name = 'ProcessExit';
  // Its caller is at fault, and by the file of the caller it is known whose.
  Error.captureStackTrace(error, refuseExit);
  throw error;
}

function textOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } catch {
    return 'a value that cannot be read';
  }
}
