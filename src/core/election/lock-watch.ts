import type { UnlockedDevice } from '../db/devices/unlocked-devices.ts';

/** A device whose lock this process has already seen free for the grace, without any sign of life. */
export interface FoundDead {
  device_id: string;
  /** As `signsOfLife` gave them. */
  signs: string;
}

export interface LockWatchOptions {
  /** Milliseconds that a lock must be seen free. */
  graceMs: number;
  /** Milliseconds after a reconnect of the watcher during which locks say nothing: others may be reconnecting too. */
  trustAfterReconnectMs: number;
  /** Monotonic milliseconds of the last reconnect of this process's liveness session, if it had one; now while it is lost. */
  lastReconnectAt?: (() => number | undefined) | undefined;
  /** The leader before, if the lease was taken from it for that reason: it need not be watched again. */
  found?: FoundDead | undefined;
}

/** One check of the locks: which were free, on which connection of which server, when (monotonic milliseconds). */
export interface LockCheck {
  unlocked: UnlockedDevice[];
  connection: string;
  now: number;
}

/**
 * Remembers which devices' locks are free (or leases over), and since when, on one unbroken connection and without any sign of life. A
 * worker whose connection was cut retakes lock and heartbeat at once, so it is never here for the whole grace.
 */
export class LockWatch {
  readonly #options: LockWatchOptions;
  readonly #free = new Map<string, { since: number; seen: string }>();
  #connection: string | undefined;
  #distrustUntil = Number.NEGATIVE_INFINITY;

  constructor(options: LockWatchOptions) {
    this.#options = options;
    const { found } = options;
    if (found !== undefined) this.#free.set(found.device_id, { since: Number.NEGATIVE_INFINITY, seen: found.signs });
  }

  /** The devices whose lock has stayed free for the grace. */
  check({ unlocked, connection, now }: LockCheck): UnlockedDevice[] {
    if (this.#connection !== connection) {
      if (this.#connection !== undefined) {
        this.#distrustUntil = now + this.#options.trustAfterReconnectMs;
        this.#free.clear();
      }
      this.#connection = connection;
    }
    const reconnectAt = this.#options.lastReconnectAt?.() ?? Number.NEGATIVE_INFINITY;
    if (now < Math.max(this.#distrustUntil, reconnectAt + this.#options.trustAfterReconnectMs)) {
      this.#free.clear();
      return [];
    }
    const still = new Set(unlocked.map((device) => device.device_id));
    for (const known of this.#free.keys()) {
      if (!still.has(known)) this.#free.delete(known);
    }
    return unlocked.filter((device) => {
      const seen = signsOfLife(device);
      const before = this.#free.get(device.device_id);
      if (before?.seen !== seen) {
        this.#free.set(device.device_id, { since: now, seen });
        return false;
      }
      return now - before.since >= this.#options.graceMs;
    });
  }
}

/** What moves when a device shows life. */
export function signsOfLife(device: Omit<UnlockedDevice, 'device_id'>): string {
  const { instance_token, last_heartbeat, lock_taken_at, lease_until } = device;
  // The row of a leader is read without a lease: no leader is behind a gateway.
  return [instance_token?.toString('hex'), last_heartbeat, lock_taken_at, ...(lease_until ? [lease_until] : [])].join(
    '|',
  );
}
