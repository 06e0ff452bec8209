import { redact, redactText } from '../../domain/redaction/redact.ts';
import type { HandlerTask } from '../../domain/task/task.ts';
import { AbortSwitch } from '../abort-switch.ts';
import type { AbortReason, Attempt, HandlerLog, OutputStream } from '../handler.ts';
import type { FromThread } from './handler-thread-messages.ts';
import { ThreadOutput } from './thread-output.ts';
import { ThreadReport } from './thread-report.ts';

/** An attempt as the thread sees in which its handler runs. */
export class ThreadAttempt implements Attempt {
  readonly id: number;
  readonly task: HandlerTask;
  readonly device_id: string;
  /** Who it is, whatever the handler does to its task. */
  readonly name: string;
  ended = false;
  readonly #stop = new AbortSwitch();
  readonly #say: (message: FromThread) => void;
  #log: HandlerLog | undefined;
  #output: ThreadOutput | undefined;
  #report: ThreadReport | undefined;

  constructor(id: number, task: HandlerTask, device_id: string, say: (message: FromThread) => void) {
    this.id = id;
    this.task = task;
    this.device_id = device_id;
    this.name = `task ${task.task_id} (${task.task_type}), attempt ${task.attempt}`;
    this.#say = say;
  }

  /** It stays where claims are made: no module handler may see it. */
  get claim_token(): string {
    return '';
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  aborted(): unknown {
    return this.#stop.reason;
  }

  onAbort(tell: (reason: AbortReason) => void): void {
    this.#stop.onAbort(tell);
  }

  abort(reason: AbortReason): void {
    this.#stop.abort(reason);
  }

  get log(): HandlerLog {
    this.#log ??= {
      debug: (message, fields) => this.#line('debug', message, fields),
      info: (message, fields) => this.#line('info', message, fields),
      warn: (message, fields) => this.#line('warn', message, fields),
      error: (message, fields) => this.#line('error', message, fields),
    };
    return this.#log;
  }

  get report(): ThreadReport {
    this.#report ??= new ThreadReport(this.id, this.#say, (problem) => this.log.warn(problem));
    return this.#report;
  }

  /** What the handler printed. */
  print(stream: OutputStream, chunk: Buffer): void {
    this.#output ??= new ThreadOutput(this.id, this.#say);
    this.#output.write(stream, chunk);
  }

  skipOutput(): void {}

  end(): void {
    this.#output?.flush();
    this.#report?.end();
    this.ended = true;
  }

  /** Fields are copied now: the handler may change them before they are sent. */
  #line(level: keyof HandlerLog, message: string, fields: Record<string, unknown> | undefined): void {
    // What was printed before it comes before it.
    this.#output?.flush();
    const text = redactText(String(message));
    if (this.ended) {
      this.#say({ kind: 'warning', message: `${this.name}, printed after its end: ${text}` });
      return;
    }
    const copy = fields === undefined ? undefined : (redact(fields) as Record<string, unknown>);
    this.#say({ kind: 'log', id: this.id, level, message: text, fields: copy });
  }
}
