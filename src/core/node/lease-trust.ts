import { monotonic } from '../runtime/clock.ts';

/**
 * The trust window of a node without an answer from the database: heartbeat_timeout − min(10 s, a third of it) after
 * the start of its last good heartbeat. The leader waits longer than that before it takes the node's tasks.
 */
export class LeaseTrust {
  #limitMs: number;
  #renewedAt: number | undefined;
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(heartbeatTimeoutMs: number, onOver: () => void) {
    this.#limitMs = limitOf(heartbeatTimeoutMs);
    this.#onOver = onOver;
  }

  /** A good heartbeat began at this monotonic time. */
  renew(started: number): void {
    clearTimeout(this.#timer);
    this.#renewedAt = started;
    this.#timer = setTimeout(this.#onOver, Math.max(0, started + this.#limitMs - monotonic()));
  }

  /** The fleet's heartbeat_timeout is another one now: it counts from the last good heartbeat too. */
  change(heartbeatTimeoutMs: number): void {
    this.#limitMs = limitOf(heartbeatTimeoutMs);
    if (this.#renewedAt !== undefined) this.renew(this.#renewedAt);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

function limitOf(heartbeatTimeoutMs: number): number {
  return heartbeatTimeoutMs - Math.min(10_000, heartbeatTimeoutMs / 3);
}
