import { monotonic } from '../clock.ts';
import { deviceViews } from '../db/queries/device-views.ts';
import { type LaneHead, peekLanes } from '../db/queries/peek-lanes.ts';
import { publishLanes } from '../db/queries/publish-lanes.ts';
import { fromJsonObject } from '../db/rows.ts';
import { pairKey } from '../domain/pair-key.ts';
import { ableCounter } from '../domain/placement/scarce-first.ts';
import type { DutySession } from './duty-session.ts';

/** What devices there are changes slowly. */
const DEVICES_EVERY_MS = 2000;

/**
 * Tells the fleet which lanes and ranks have pending tasks, so that not every worker has to look for itself, and how many
 * devices can run them, so that those come first which few can.
 */
export class LanePublisher {
  readonly #duty: DutySession;
  readonly #fleet: { readonly heartbeat_timeout: number };
  /** What the last round found. */
  heads: LaneHead[] = [];
  /** Where the next round looks first. */
  #guide: LaneHead[] = [];
  #known = new Set<string>();
  #able: ReturnType<typeof ableCounter> = () => 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(duty: DutySession, fleet: { readonly heartbeat_timeout: number }) {
    this.#duty = duty;
    this.#fleet = fleet;
  }

  /** Pairs that appeared since the last round of this process, and rows that vanished. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ appeared: number; vanished: number }> {
    const duty = this.#duty;
    const guide = this.#guide;
    // A packet has one deadline for all its hops: after a round that failed, each has one of its own again.
    this.#guide = [];
    const heads = await duty.run((session) => peekLanes(session, duty.names, guide));
    this.#guide = heads;
    this.heads = heads;
    await this.#countDevices();
    const published = heads.map((head) => {
      const required_capabilities = fromJsonObject(head.required_capabilities);
      return { ...head, able: this.#able({ task_type: head.task_type, required_capabilities }) };
    });
    const vanished = await duty.fenced((session) => publishLanes(session, duty.names, published));
    const before = this.#known;
    this.#known = new Set(heads.map(pairKey));
    return { appeared: [...this.#known].filter((pair) => !before.has(pair)).length, vanished };
  }

  async #countDevices(): Promise<void> {
    if (monotonic() - this.#countedAt < DEVICES_EVERY_MS) return;
    this.#countedAt = monotonic();
    const { names } = this.#duty;
    const devices = await this.#duty.run((session) => deviceViews(session, names, this.#fleet.heartbeat_timeout));
    this.#able = ableCounter(devices);
  }
}
