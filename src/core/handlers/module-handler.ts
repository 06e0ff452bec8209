import { failedAttempt, type ResultRules, resultOutcome, thrownOutcome } from '../domain/attempt/handler-result.ts';
import type { Outcome } from '../domain/attempt/outcome.ts';
import { checkNewTasks } from '../domain/task/new-task.ts';
import type { NewTask } from '../domain/task/task.ts';
import { thrownText } from '../domain/text/thrown-text.ts';
import { wallMilliseconds } from '../runtime/clock.ts';
import { abortedOutcome, keptOutcome } from './aborted-outcome.ts';
import type { Attempt, Handler, HandlerContext } from './handler.ts';
import type { HandlerFunction } from './module-loader.ts';

/** A handler that calls a function in this process. Nothing can end it from outside but its own attention to `signal`. */
export function functionHandler(call: HandlerFunction, timeout?: number): Handler {
  return { timeout, execute: (attempt) => callFunction(call, attempt, undefined) };
}

/** One attempt by a function. `shared`: what the warm-up of its module gave. Never rejects. */
export async function callFunction(call: HandlerFunction, attempt: Attempt, shared: unknown): Promise<Outcome> {
  const { timeout } = attempt.task;
  if (attempt.aborted() !== undefined)
    return abortedOutcome(attempt.aborted(), timeout, '; the handler had not started');
  const buffer = new EnqueueBuffer();
  let outcome: Outcome;
  try {
    const value = await call(attempt.task, new Context(attempt, buffer, shared));
    outcome = buffer.complete(resultOutcome(value, RULES));
  } catch (error) {
    attempt.log.debug('the handler threw', { stack: stackOf(error) });
    outcome = thrownOutcome(error, RULES);
  } finally {
    buffer.close();
  }
  return keptOutcome(outcome, attempt.aborted(), timeout);
}

/** What costs something is made when the handler asks for it: most handlers ask for nothing. */
class Context implements HandlerContext {
  readonly task_id: number;
  readonly attempt: number;
  readonly device_id: string;
  readonly shared: unknown;
  readonly enqueue: HandlerContext['enqueue'];
  readonly #attempt: Attempt;
  readonly #begun = wallMilliseconds();

  constructor(attempt: Attempt, buffer: EnqueueBuffer, shared: unknown) {
    this.#attempt = attempt;
    this.task_id = attempt.task.task_id;
    this.attempt = attempt.task.attempt;
    this.device_id = attempt.device_id;
    this.shared = shared;
    this.enqueue = (tasks) => buffer.add(tasks);
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get log(): HandlerContext['log'] {
    return this.#attempt.log;
  }

  // Functions of their own, as enqueue is: a handler may take them out of its context.
  get progress(): HandlerContext['progress'] {
    return (done, total, message) => this.#attempt.report.progress(done, total, message);
  }

  get checkpoint(): HandlerContext['checkpoint'] {
    return (value) => this.#attempt.report.checkpoint(value);
  }

  get metric(): HandlerContext['metric'] {
    return (name, value) => this.#attempt.report.metric(name, value);
  }

  get deadline(): string {
    return new Date(this.#begun + this.#attempt.task.timeout * 1000).toISOString();
  }
}

const RULES: ResultRules = {
  get now() {
    return wallMilliseconds();
  },
};

/** As far as the handler's own code goes: what called it is afd. */
function stackOf(error: unknown): unknown {
  try {
    const stack = error instanceof Error ? error.stack : undefined;
    if (typeof stack !== 'string') return undefined;
    const ours = stack.indexOf(import.meta.url);
    return ours === -1 ? stack : stack.slice(0, stack.lastIndexOf('\n', ours));
  } catch {
    return undefined;
  }
}

/** What a handler asked to enqueue: inserted with its completion or not at all. */
class EnqueueBuffer {
  readonly #tasks: NewTask[] = [];
  #refused: unknown;
  #open = true;

  add(tasks: NewTask | NewTask[]): void {
    if (!this.#open) {
      throw new Error('ctx.enqueue was called after the handler had ended; await all calls before returning');
    }
    try {
      this.#tasks.push(...checkNewTasks(tasks));
    } catch (error) {
      this.#refused = error;
      throw error;
    }
  }

  close(): void {
    this.#open = false;
  }

  /** A refused task fails the attempt also when the handler swallowed the error: done would mean half of it. */
  complete(outcome: Outcome): Outcome {
    if (outcome.kind !== 'done') return outcome;
    if (this.#refused !== undefined) return failedAttempt(thrownText(this.#refused), 'BadEnqueue');
    return { ...outcome, enqueue: [...this.#tasks, ...outcome.enqueue] };
  }
}
