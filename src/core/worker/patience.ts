import { monotonic } from '../clock.ts';

/**
 * How long a node trusts its leases without a word from the database: heartbeat_timeout − min(10 s, a third of it) after
 * the start of its last good heartbeat. Less than anybody waits before taking its tasks.
 */
export class Patience {
  readonly #limitMs: number;
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(heartbeatTimeoutMs: number, onOver: () => void) {
    this.#limitMs = heartbeatTimeoutMs - Math.min(10_000, heartbeatTimeoutMs / 3);
    this.#onOver = onOver;
  }

  /** A good heartbeat began at this monotonic time. */
  renew(started: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onOver, Math.max(0, started + this.#limitMs - monotonic()));
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
