import type { Finish } from '../../domain/attempt/reconcile.ts';
import type { HandlerTask } from '../../domain/task/task.ts';
import type { Handler, HandlerLog } from '../../handlers/handler.ts';
import type { PulseBoard } from '../../node/pulse-board.ts';
import type { Payloads } from '../claim/payloads.ts';
import type { RunningAttempt } from './running-attempt.ts';

export interface RunnerOptions {
  slots: number;
  deviceId: string;
  handlers: Map<string, Handler>;
  defaultTimeoutS: number;
  /** A handler that has not settled this long after its abort is reported as ended without it. */
  stuckAfterMs: number;
  /** The payload of a task that was claimed without it. */
  payloadOf: Payloads['fetch'];
  /** What has waited for a slot for longer does not begin: the slots are slower than they were, or nothing moved here. */
  prefetchTtlMs: number;
  /** Says what has begun to the liveness thread, which says whether anything may. */
  board: PulseBoard;
  logOf(task: HandlerTask): HandlerLog;
  onStarted(attempt: RunningAttempt): void;
  onFinish(finish: Finish, attempt: RunningAttempt): void;
  onStuck(attempt: RunningAttempt): void;
  /** A slot became free. */
  onFree(): void;
}
