// What handler modules print in this process: log lines, with the task where it is known whose they are.
import type { Handler, OutputStream } from '../../handlers/handler.ts';
import { OutputLog } from '../../handlers/output-log.ts';
import { typesInStack } from '../../handlers/stray-source.ts';
import type { Log } from '../../log/log.ts';
import type { AttemptOutput } from '../log/attempt-output.ts';
import type { Runner } from './runner.ts';
import type { RunningAttempt } from './running-attempt.ts';

/** Output that cannot be traced to one attempt goes into the log of the device alone. */
export class Printed {
  readonly #runner: Pick<Runner, 'attempts'>;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #outputOf: (attempt: RunningAttempt) => AttemptOutput;
  readonly #nobodys: OutputLog;

  constructor(
    runner: Pick<Runner, 'attempts'>,
    handlers: ReadonlyMap<string, Handler>,
    log: Log,
    outputOf: (attempt: RunningAttempt) => AttemptOutput,
  ) {
    this.#runner = runner;
    this.#handlers = handlers;
    this.#outputOf = outputOf;
    this.#nobodys = new OutputLog(log);
  }

  /** `at`: made where it was printed; its stack shows whose code that was. */
  write(stream: OutputStream, chunk: Buffer, at: Error): void {
    const attempt = this.#whose(at);
    // A line without its end may be the last word of a handler that is never heard of again.
    if (attempt === undefined) {
      this.#nobodys.write(stream, chunk);
      this.#nobodys.end();
      return;
    }
    attempt.output ??= this.#outputOf(attempt);
    attempt.output.print(stream, chunk);
    attempt.output.flush();
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
}
