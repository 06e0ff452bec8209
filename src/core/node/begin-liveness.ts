import type { Config } from '../config/config-schema.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { LivenessClient } from './liveness-client.ts';
import type { LivenessReport, LivenessSettings } from './liveness-messages.ts';

type Registered = LivenessReport & { kind: 'registered' };

export interface LivenessListener {
  onReport: (report: LivenessReport) => void;
  /** Some times a second while the main thread comes to its event loop. */
  onBeat: () => void;
  /** The thread has ended, also as it was asked to: the node may not go on. */
  onEnded: (why: AfdError) => void;
  /** A process that waits for a device id must be stoppable too. */
  stop: AbortSignal;
  /** Seconds from then by which the process must have ended, even if the main thread never comes to its event loop again. */
  endsWithinS: number;
}

/** Seconds after which a worker that was asked to stop has surely ended by itself, unless its main thread is blocked. */
export function endsWithinS({ worker, database }: Config): number {
  return worker.shutdown_timeout + 2 * worker.kill_grace + database.call_timeout + 5;
}

/**
 * Starts the liveness thread. `registered` is settled when the device is.
 * @throws (registered) AfdError E_DEVICE_RUNNING, E_TEMPORARY when stopped; DatabaseError
 */
export function beginLiveness(
  settings: LivenessSettings,
  { onReport, onBeat, onEnded, stop, endsWithinS }: LivenessListener,
): { client: LivenessClient; registered: Promise<Registered> } {
  let report: Registered | undefined;
  const client = new LivenessClient(
    settings,
    (one) => {
      onReport(one);
      if (one.kind === 'registered') report = one;
    },
    onBeat,
  );
  const ended = client.finished.then(
    () => new AfdError('E_TEMPORARY', 'A stop signal arrived before the worker had started.'),
    (error: AfdError) => error,
  );
  const registered = client.start().then(
    () => report!,
    async () => {
      throw await ended;
    },
  );
  void ended.then(onEnded);
  const onStop = () => {
    client.board.endBy(monotonic() + endsWithinS * 1000);
    if (report === undefined) void client.stop();
  };
  stop.addEventListener('abort', onStop, { once: true });
  return { client, registered };
}
