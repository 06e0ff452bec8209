// Errors that nothing caught: thrown by a timer or an emitter that a handler set up, or the reason of a promise that it
// forgot. The responsible task fails, where it can be named; the others go on. Also what handlers print.
import { AfdError } from '../../domain/errors.ts';
import { thrownClass, thrownText } from '../../domain/text/thrown-text.ts';
import type { Handler, OutputStream } from '../../handlers/handler.ts';
import { typesInStack } from '../../handlers/stray-source.ts';
import type { Events } from '../../runtime/events.ts';
import type { Printed } from './printed.ts';
import type { Runner } from './runner.ts';
import type { RunningAttempt } from './running-attempt.ts';

interface Attached {
  runner: Pick<Runner, 'attempts' | 'fail'>;
  handlers: ReadonlyMap<string, Handler>;
  events: Events;
  printed: Printed;
}

/** Different errors that are remembered as reported. */
const MOST_TOLD = 1000;

/** Given to a worker by the outermost layer, which alone receives such errors. */
export class Strays {
  readonly #ended = new AbortController();
  /** How often each was reported or would have been. */
  readonly #times = new Map<string, number>();
  #attached: Attached | undefined;
  #fatal: AfdError | undefined;

  attach(attached: Attached): void {
    this.#attached = attached;
  }

  /** A handler printed something; `at` as Printed has it. False = no worker runs yet. */
  print(stream: OutputStream, chunk: Buffer, at: Error): boolean {
    this.#attached?.printed.write(stream, chunk, at);
    return this.#attached !== undefined;
  }

  /** Aborted when an error came that cannot be traced to a handler: the worker releases what it runs and ends. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** E_UNCAUGHT, with which the worker ends then. */
  get fatal(): AfdError | undefined {
    return this.#fatal;
  }

  /**
   * An error was thrown out of a callback. When the stack shows the code of a handler, its attempt fails, or, of several
   * that run, each keeps the text in case it fails. Otherwise every module that runs may have done it, or afd itself:
   * their attempts fail, and the worker ends. False = no worker runs yet.
   */
  thrown(error: unknown): boolean {
    if (this.#attached === undefined) return false;
    const { runner, handlers, events } = this.#attached;
    const text = safely(() => thrownText(error), 'a value that cannot be read');
    const types = typesInStack(error, handlers);
    if (types.length === 0) {
      this.#end(this.#attached, error, text);
      return true;
    }
    const suspects = this.#running(types);
    const [only] = suspects;
    const whose = types.join(' or ');
    if (only !== undefined && suspects.length === 1) {
      const message = `Uncaught error in a timer or callback of ${whose} (of this task, or of one that ended earlier): ${text}`;
      runner.fail(
        only,
        message,
        safely(() => thrownClass(error), 'Error'),
      );
    } else
      note(suspects, `while it was running, there was an uncaught error in a timer or callback of ${whose}: ${text}`);
    const who = suspects.length === 0 ? `a task of ${whose} that has ended` : named(suspects);
    const cost = suspects.length === 1 ? 'its attempt failed' : 'no attempt failed because of it';
    this.#tell(
      events,
      `${whose} threw: ${text}`,
      `uncaught error in a timer or callback of ${who}; ${cost}, and the worker continues: ${text}`,
    );
    return true;
  }

  /** A promise was rejected that nothing waits for. That breaks nothing: it is reported, and kept for an attempt that fails. */
  rejected(reason: unknown): void {
    const text = safely(() => thrownText(reason), 'a value that cannot be read');
    const { handlers, events } = this.#attached ?? {};
    const types = handlers === undefined ? [] : typesInStack(reason, handlers);
    const suspects = this.#running(types);
    note(suspects, `while it was running, there was an unhandled promise rejection of ${types.join(' or ')}: ${text}`);
    const who = suspects.length > 0 ? ` by ${named(suspects)}` : types.length > 0 ? ` by ${types.join(' or ')}` : '';
    this.#tell(events, `${types.join(' or ')} rejected: ${text}`, `unhandled promise rejection${who}: ${text}`);
  }

  /** A handler that does this once does it with every task: reported the 1st, 10th, 100th … time. */
  #tell(events: Events | undefined, what: string, message: string): void {
    const times = (this.#times.get(what) ?? 0) + 1;
    if (this.#times.size >= MOST_TOLD) this.#times.clear();
    this.#times.set(what, times);
    if (!/^10*$/.test(String(times))) return;
    events?.emit('warning', { message: times === 1 ? message : `${message} (${times} times so far)` });
  }

  #end({ runner, handlers, events }: Attached, error: unknown, text: string): void {
    if (this.#fatal !== undefined) return;
    const suspects = this.#running([...handlers.keys()]);
    const who = suspects.length === 0 ? 'no handler module was running' : `it came from afd or from ${named(suspects)}`;
    const stack = safely(() => (error instanceof Error ? error.stack : undefined), undefined);
    this.#fatal = new AfdError('E_UNCAUGHT', `Uncaught error (${who}): ${text}`, {
      suggestions: suspects.length === 0 ? ['afd status'] : [`afd tasks show ${suspects[0]!.task_id}`],
      cause: error,
    });
    events.emit('warning', {
      message: `${this.#fatal.message}. The worker releases its running tasks and exits. ${stack ?? ''}`,
    });
    const message = `The worker exited because of an uncaught error, thrown by this handler or by another one that was running: ${text}`;
    for (const one of suspects) runner.fail(one, message, 'Uncaught');
    this.#ended.abort();
  }

  /** Attempts that run a module of these types in this process. */
  #running(types: string[]): RunningAttempt[] {
    const { runner, handlers } = this.#attached ?? {};
    return (runner?.attempts() ?? []).filter(
      ({ state, task_type }) =>
        state === 'running' && types.includes(task_type) && handlers?.get(task_type)?.killable !== true,
    );
  }
}

function note(suspects: RunningAttempt[], text: string): void {
  for (const one of suspects) one.stray ??= text;
}

function named(attempts: RunningAttempt[]): string {
  const tasks = attempts.slice(0, 10).map(({ task_id, task_type }) => `${task_id} (${task_type})`);
  const more = attempts.length > 10 ? ` and ${attempts.length - 10} more` : '';
  return attempts.length === 1 ? `task ${tasks[0]}` : `one of the tasks ${tasks.join(', ')}${more}`;
}

/** A handler may throw anything, also what throws when it is read. */
function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
