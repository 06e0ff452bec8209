import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import { effectivePayload } from '../../domain/task/payload.ts';
import type { HandlerTask } from '../../domain/task/task.ts';
import type { AbortReason, Attempt, HandlerLog, OutputStream } from '../../handlers/handler.ts';
import { referenceOf } from '../../secrets/references.ts';
import type { AttemptOutput } from '../log/attempt-output.ts';
import { LOST, OVER, type RunningReport } from '../report/running-report.ts';
import { isOpen, type RunningAttempt } from './running-attempt.ts';

/** What of an attempt is made when its handler asks for it. */
export interface MadeOnDemand {
  /** Where its output goes; asked for when it first says something. */
  outputOf(attempt: RunningAttempt): AttemptOutput;
  /** Where it reports; asked for when it first does. */
  reportOf(attempt: RunningAttempt, complain: (problem: string) => void): RunningReport;
  /** A text of the attempt without the secrets that it may have. */
  masked(attempt: RunningAttempt, text: string): string;
}

/** What a handler gets of an attempt. A class: an object with as many closures cost a tenth of a task that does nothing. */
export class HandlerCall implements Attempt {
  readonly task: HandlerTask;
  readonly device_id: string;
  readonly #attempt: RunningAttempt;
  readonly #made: MadeOnDemand;

  /** @throws Error when the payload cannot be read */
  constructor(claimed: ClaimedTask, attempt: RunningAttempt, device_id: string, made: MadeOnDemand) {
    const { secrets, checkpoint } = attempt;
    const payload = effectivePayload(claimed, claimed.task_data);
    this.task = {
      task_id: claimed.id,
      task_type: claimed.task_type,
      task_data: secrets === undefined ? payload : secrets.fill(payload),
      priority: claimed.priority ?? 5,
      timeout: attempt.timeout_s,
      retry_count: claimed.retry ?? 0,
      attempt: attempt.attempt,
      checkpoint: secrets === undefined ? checkpoint : secrets.fillKnown(checkpoint),
    };
    this.device_id = device_id;
    this.#attempt = attempt;
    this.#made = made;
    attempt.claimed = claimed;
  }

  get claim_token(): string {
    return this.#attempt.claim_token.toString('hex');
  }

  get signal(): AbortSignal {
    return this.#attempt.stop.signal;
  }

  aborted(): unknown {
    return this.#attempt.stop.reason;
  }

  onAbort(tell: (reason: AbortReason) => void): void {
    this.#attempt.stop.onAbort(tell);
  }

  get log(): HandlerLog {
    return this.#output.log;
  }

  get report(): RunningReport {
    this.#attempt.report ??= this.#newReport();
    return this.#attempt.report;
  }

  secretText(text: string): string {
    const reference = referenceOf(text);
    if (reference === undefined || this.#attempt.secrets === undefined) return text;
    return this.#attempt.secrets.textOf(reference);
  }

  print(stream: OutputStream, chunk: Buffer): void {
    this.#output.print(stream, chunk);
  }

  skipOutput(bytes: number): void {
    this.#output.skip(bytes);
  }

  get #output(): AttemptOutput {
    this.#attempt.output ??= this.#made.outputOf(this.#attempt);
    return this.#attempt.output;
  }

  #newReport(): RunningReport {
    const report = this.#made.reportOf(this.#attempt, (problem) => this.#output.log.warn(problem));
    if (this.#attempt.stop.reason === 'lost') report.close(LOST);
    else if (!isOpen(this.#attempt)) report.close(OVER);
    return report;
  }
}
