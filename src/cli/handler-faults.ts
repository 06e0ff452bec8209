// What a handler module can do to the process of its worker, and so to every other task in it: call process.exit, throw
// an uncaught error, leave a rejected promise, print. This file intercepts it; core/worker/run/strays.ts finds the task.

import { redactText } from '../core/log/redact.ts';
import { Strays } from '../core/worker/run/strays.ts';
import { endNow } from './end-process.ts';
import { printable } from './render/text.ts';

/** EX_SOFTWARE: E_UNCAUGHT before there was a worker to end in order. */
const UNCAUGHT = 70;

export interface HandlerFaults {
  strays: Strays;
  /** From now on what is printed goes into the log. The destination of the log must be decided before. */
  catchOutput(): void;
  /** Gives Node back as it was. */
  dispose(): void;
}

/** Takes over for a worker that starts now. */
export function catchHandlerFaults(): HandlerFaults {
  const strays = new Strays();
  const thrown = (error: unknown) => {
    if (strays.thrown(error)) return;
    const text = redactText(textOf(error)).split('\n').map(printable).join('\n');
    process.stderr.write(`Error: Uncaught error: ${text} [E_UNCAUGHT]\n`);
    endNow(UNCAUGHT);
  };
  const rejected = (reason: unknown) => strays.rejected(reason);
  const { exit } = process;
  process.on('uncaughtException', thrown);
  process.on('unhandledRejection', rejected);
  process.exit = refuseExit;
  let releaseOutput = () => {};
  return {
    strays,
    catchOutput() {
      releaseOutput = catchOutput(strays);
    },
    dispose() {
      releaseOutput();
      process.off('uncaughtException', thrown);
      process.off('unhandledRejection', rejected);
      process.exit = exit;
    },
  };
}

/** `console.log` and its like end here. stdout belongs to the result of the command, and a line in the log to its task. */
function catchOutput(strays: Strays): () => void {
  const undo = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const { write } = stream;
    const caught = ((chunk: string | Uint8Array, second?: unknown, third?: unknown) => {
      const at = new Error('printed');
      Error.captureStackTrace(at, caught);
      const encoding = typeof second === 'string' ? (second as BufferEncoding) : undefined;
      if (!strays.print(name, Buffer.from(chunk as string, encoding), at)) {
        return write.call(stream, chunk as string, second as BufferEncoding, third as () => void);
      }
      const done = typeof second === 'function' ? second : third;
      if (typeof done === 'function') queueMicrotask(() => done());
      return true;
    }) as typeof stream.write;
    stream.write = caught;
    return () => {
      if (stream.write === caught) stream.write = write;
    };
  });
  return () => {
    for (const one of undo) one();
  };
}

function refuseExit(code?: unknown): never {
  const called = `process.exit(${code === undefined ? '' : String(code)})`;
  const error = new Error(
    `a handler called ${called}, which would stop this worker and all of its tasks; return from the handler or throw an error instead`,
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
