// What a sender knows of the devices: their rows, what they answered lately, and what it has asked of them since.

import type { RingTarget } from '../db/devices/ring-targets.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Reply } from './datagram.ts';
import { isLoopback } from './ring-socket.ts';

/** The next ring reads rows again that are older. */
export const ROWS_MS = 1000;
const SKIP_MS = 5000;
const SKIP_AFTER = 2;
/** Rings per second and device. */
export const MOST_PER_SECOND = 50;

interface Known {
  row: RingTarget;
  heard: { running: number; free: number; at: number } | undefined;
  /** What it sent for the next ring. */
  cookie: Buffer | undefined;
  /** Tasks of rings that have not been answered yet. */
  asked: number;
  /** Tasks of its rings since the heartbeat that wrote its row. */
  recent_claims: number;
  rungAt: number[];
  missed: number;
  skipUntil: number;
}

export class FleetView {
  readonly #known = new Map<string, Known>();
  readonly #loopback: boolean;
  #readAt = Number.NEGATIVE_INFINITY;

  /** `loopback`: this process reaches the database by a loopback address, so the fleet may be on this machine. */
  constructor({ loopback }: { loopback: boolean }) {
    this.#loopback = loopback;
  }

  /** True when the rows should be read before the next ring. */
  get stale(): boolean {
    return monotonic() - this.#readAt > ROWS_MS;
  }

  /** All rows anew, read at this monotonic time: who is not among them is not rung. */
  update(rows: RingTarget[], readAt = monotonic()): void {
    this.#readAt = readAt;
    const reachable = rows.filter((row) => this.#loopback || !isLoopback(row.address));
    const ids = new Set(reachable.map((row) => row.device_id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    for (const row of reachable) {
      const known = this.#known.get(row.device_id);
      // Another instance: nothing that the former one said or left unanswered counts.
      if (known?.row.token.equals(row.token) !== true) {
        this.#known.set(row.device_id, { ...NEW, row, rungAt: [] });
        continue;
      }
      if (known.row.last_heartbeat !== row.last_heartbeat) known.recent_claims = 0;
      if (known.heard !== undefined && known.heard.at < readAt) known.heard = undefined;
      known.row = row;
    }
  }

  /** Devices that may be rung now. */
  devices(): RingTarget[] {
    const now = monotonic();
    return [...this.#known.values()].flatMap((known) => {
      known.rungAt = known.rungAt.filter((at) => now - at < 1000);
      if (now < known.skipUntil || known.rungAt.length >= MOST_PER_SECOND) return [];
      return [deviceOf(known)];
    });
  }

  rung(id: string, n: number): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    known.asked += n;
    known.recent_claims += n;
    known.rungAt.push(monotonic());
  }

  /** A ring for `n` is no longer waited for. */
  answered(id: string, n: number): void {
    const known = this.#known.get(id);
    if (known !== undefined) known.asked = Math.max(0, known.asked - n);
  }

  heard(id: string, { running, free }: Pick<Reply, 'running' | 'free'>): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    known.heard = { running, free, at: monotonic() };
    known.missed = 0;
    known.skipUntil = 0;
  }

  /** What the device sent for the next ring of this process; undefined = nothing yet. */
  cookieOf(id: string): Buffer | undefined {
    return this.#known.get(id)?.cookie;
  }

  keepCookie(id: string, cookie: Buffer): void {
    const known = this.#known.get(id);
    if (known !== undefined) known.cookie = cookie;
  }

  unanswered(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    known.missed += 1;
    if (known.missed >= SKIP_AFTER) known.skipUntil = monotonic() + SKIP_MS;
  }
}

const NEW = { heard: undefined, cookie: undefined, asked: 0, recent_claims: 0, missed: 0, skipUntil: 0 };

function deviceOf({ row, heard, asked, recent_claims }: Known): RingTarget {
  // Free slots count, not used ones: a device that claims nothing now says that it has none.
  const running = heard === undefined ? row.running : Math.max(heard.running, row.slots - heard.free);
  return { ...row, running: running + asked, recent_claims: row.recent_claims + recent_claims };
}
