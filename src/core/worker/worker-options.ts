import type { Handler } from '../handlers/handler.ts';
import type { NodeFacts } from '../node/liveness-settings.ts';
import type { Strays } from './run/strays.ts';

/** `forever` until stopped · `once` one claim for the free slots · `drain` until nothing that it may run is due. */
export type WorkerMode = 'forever' | 'once' | 'drain';

export interface WorkerOptions extends NodeFacts {
  mode: WorkerMode;
  handlers: Map<string, Handler>;
  /** The environment of the worker; its secrets are masked in run logs. */
  env: Record<string, string | undefined>;
  /** Stop claiming, finish what runs, at most shutdown_timeout. */
  drain: AbortSignal;
  /** Release everything at once. */
  force: AbortSignal;
  /** Seconds that the start may wait for the database; absent = none. */
  waitDatabaseS?: number | undefined;
  /** Where uncaught errors arrive; absent = the worker does not handle them. */
  strays?: Strays;
}

export interface WorkerResult {
  device_id: string;
  /** Attempts by how they ended. */
  finished: Record<string, number>;
  /** Everything was finished or released before the shutdown deadline and without force. */
  inTime: boolean;
  /** `once`, `drain`: it ended because the machine is over a resource limit. */
  overLimits: boolean;
  reason: string;
}
