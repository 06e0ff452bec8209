import type { Finish } from '../../domain/attempt/reconcile.ts';
import type { Handler } from '../../handlers/handler.ts';
import type { PulseBoard } from '../../node/pulse-board.ts';
import type { Events } from '../../runtime/events.ts';
import type { FoundSecret } from '../../secrets/find-secrets.ts';
import type { Payloads } from '../claim/payloads.ts';
import type { SecretRequest } from '../port/report-port.ts';
import type { Reporter } from '../report/reporter.ts';
import type { MadeOnDemand } from './handler-call.ts';
import type { HeldAttempts } from './held-attempts.ts';

export interface RunnerOptions extends MadeOnDemand {
  slots: number;
  deviceId: string;
  handlers: Map<string, Handler>;
  /** By task type, how many of its attempts may run at once; absent = as many as there are slots. */
  maxima?: ReadonlyMap<string, number>;
  defaultTimeoutS: number;
  /** A handler that has not settled this long after its abort is reported as ended without it. */
  stuckAfterMs: number;
  /** `task:started`, `task:stuck`. */
  events: Events;
  /** The attempts that run here or wait for a slot. */
  attempts: HeldAttempts;
  /** Fetches the payloads of tasks that were claimed without them. */
  payloads: Payloads;
  /** What earlier attempts stored, and writing what these report. */
  reports: Pick<Reporter, 'read' | 'flush'>;
  /** Reads secrets for an attempt, one answer for each name. @throws Error when they cannot be read */
  secrets(request: SecretRequest): Promise<FoundSecret[]>;
  /** These texts must not stand in the log of the device from now on. */
  hide(texts: string[]): void;
  /** What has waited for a slot for longer does not begin: the slots are slower than they were, or nothing moved here. */
  prefetchTtlMs: number;
  /** Says what has begun to the liveness thread, which says whether anything may. */
  board: PulseBoard;
  /** An attempt ended, and its end must be written. Not called for a lost one: another process owns it. */
  onFinish(finish: Finish): void;
  /**
   * A slot was taken or freed, or is held by a handler whose attempt has ended without it. `placeFree`: with it the first place of
   * a type that was full, and nothing here waits for that.
   */
  onSlots(placeFree?: boolean): void;
}
