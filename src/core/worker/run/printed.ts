// What handler modules print in this process: log lines, with the task where it is known whose they are.
import type { Handler } from '../../handlers/handler.ts';
import { OutputLog, type OutputStream } from '../../handlers/output-log.ts';
import { typesInStack } from '../../handlers/stray-source.ts';
import type { Log } from '../../log/log.ts';
import type { Runner } from './runner.ts';
import type { RunningAttempt } from './running-attempt.ts';

/** Each attempt, and output that cannot be traced to one, has its own bound of characters. */
export class Printed {
  readonly #runner: Pick<Runner, 'attempts'>;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #log: Log;
  readonly #outputs = new WeakMap<RunningAttempt, OutputLog>();
  readonly #nobodys: OutputLog;

  constructor(runner: Pick<Runner, 'attempts'>, handlers: ReadonlyMap<string, Handler>, log: Log) {
    this.#runner = runner;
    this.#handlers = handlers;
    this.#log = log;
    this.#nobodys = new OutputLog(log);
  }

  /** `at`: made where it was printed; its stack shows whose code that was. */
  write(stream: OutputStream, chunk: Buffer, at: Error): void {
    const output = this.#outputOf(this.#whose(at));
    output.write(stream, chunk);
    // A line without its end may be the last word of a handler that is never heard of again.
    output.end();
  }

  /** The one attempt that it can be; of several of one type, which one is not known. */
  #whose(at: Error): RunningAttempt | undefined {
    const modules = this.#runner
      .attempts()
      .filter((one) => one.state === 'running' && this.#handlers.get(one.task_type)?.source !== undefined);
    const types = typesInStack(at, this.#handlers);
    const suspects = types.length === 0 ? modules : modules.filter((one) => types.includes(one.task_type));
    return suspects.length === 1 ? suspects[0] : undefined;
  }

  #outputOf(attempt: RunningAttempt | undefined): OutputLog {
    if (attempt === undefined) return this.#nobodys;
    const { task_id, task_type, attempt: number } = attempt;
    const known = this.#outputs.get(attempt) ?? new OutputLog(this.#log.child({ task_id, task_type, attempt: number }));
    this.#outputs.set(attempt, known);
    return known;
  }
}
