import { wallClock } from '../clock.ts';
import { failedAttempt, resultOutcome, thrownOutcome } from '../domain/handler-result.ts';
import { checkNewTasks } from '../domain/new-task.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { NewTask } from '../domain/task.ts';
import { thrownText } from '../domain/thrown-text.ts';
import { abortedOutcome } from './aborted-outcome.ts';
import type { Attempt, Handler, HandlerContext } from './handler.ts';
import { type HandlerFunction, loadHandlerFunction } from './module-loader.ts';

export interface ModuleHandlerOptions {
  task_type: string;
  /** Path of the module, relative to `base_dir`. */
  module: string;
  base_dir: string;
  /** Seconds; undefined = the fleet's task_timeout. */
  timeout: number | undefined;
}

/** Loads a handler module. @throws AfdError E_HANDLER_MISSING, E_CONFIG */
export async function moduleHandler(options: ModuleHandlerOptions): Promise<Handler> {
  return functionHandler(
    await loadHandlerFunction(options.task_type, options.module, options.base_dir),
    options.timeout,
  );
}

/** A handler that calls a function in this process. Nothing can end it from outside but its own attention to `signal`. */
export function functionHandler(call: HandlerFunction, timeout?: number): Handler {
  return { timeout, execute: (attempt) => execute(call, attempt) };
}

async function execute(call: HandlerFunction, attempt: Attempt): Promise<Outcome> {
  const { signal, task } = attempt;
  if (signal.aborted) return abortedOutcome(signal, task.timeout, ': the handler had not begun');
  const buffer = new EnqueueBuffer();
  let outcome: Outcome;
  try {
    const value = await call(structuredClone(task), context(attempt, buffer));
    outcome = buffer.complete(resultOutcome(value, rules()));
  } catch (error) {
    attempt.log.debug('the handler threw', { stack: stackOf(error) });
    outcome = thrownOutcome(error, rules());
  } finally {
    buffer.close();
  }
  if (!signal.aborted || (outcome.kind === 'done' && signal.reason !== 'timeout')) return outcome;
  return abortedOutcome(signal, task.timeout, 'error_message' in outcome ? `; it said: ${outcome.error_message}` : '');
}

function context(attempt: Attempt, buffer: EnqueueBuffer): HandlerContext {
  const { task } = attempt;
  return {
    signal: attempt.signal,
    task_id: task.task_id,
    attempt: task.attempt,
    device_id: attempt.device_id,
    deadline: new Date(Date.parse(wallClock()) + task.timeout * 1000).toISOString(),
    log: attempt.log,
    enqueue: (tasks) => buffer.add(tasks),
  };
}

function rules() {
  return { now: Date.parse(wallClock()) };
}

function stackOf(error: unknown): unknown {
  try {
    return error instanceof Error ? error.stack : undefined;
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
      throw new Error('ctx.enqueue came after the handler had ended; await everything before returning');
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
