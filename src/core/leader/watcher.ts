// For producers that do not know afd: polls several times a second whether something has become due, and rings for it.

import type { Config } from '../config/config-schema.ts';
import { ringTargets, ringTargetsStatement } from '../db/devices/ring-targets.ts';
import type { LaneHead } from '../db/lanes/discover-lanes.ts';
import { dueStatement, dueWork } from '../db/lanes/due-work.ts';
import { isOverLimit, limited } from '../db/server/statement-limit.ts';
import { claimRank, laneKey, laneRankKey } from '../domain/lane.ts';
import { eligible } from '../domain/placement/eligible.ts';
import { requirementsOf } from '../domain/task/requirements.ts';
import { openRingSender } from '../ring/open-ring-sender.ts';
import type { RingSender, RingWork } from '../ring/ring-sender.ts';
import { monotonic } from '../runtime/clock.ts';
import { PollPause } from '../runtime/poll-pause.ts';
import type { DutySession } from './duty/duty-session.ts';

/**
 * One branch of the poll each; beyond it the lanes and ranks that were longest without a task are left to the workers'
 * polls.
 */
const MOST_RANKS = 64;
/** A lane and rank for which no rung device claimed anything is left alone for this long, doubling. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;
/** A poll takes about a millisecond, unless it reads over what others have not committed. */
const POLL_LIMIT_MS = 1000;

interface Watched extends Omit<RingWork, 'n'> {
  /** Monotonic ms at which it was last due or published. */
  seenAt: number;
  pauseMs: number;
  restsUntil: number;
}

export interface WatcherOptions {
  duty: DutySession;
  config: Config;
  /** What was published last: lanes and ranks that have tasks. */
  heads: () => LaneHead[];
  /** This process's own, if it has one. */
  ringSender?: (() => RingSender | undefined) | undefined;
}

export class Watcher {
  readonly #o: WatcherOptions;
  readonly #watched = new Map<string, Watched>();
  #own: RingSender | undefined;
  readonly #pause = new PollPause();

  constructor(options: WatcherOptions) {
    this.#o = options;
  }

  /** One statement; none while no device has a free slot, and one more each second for the devices. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ rung: number }> {
    const { config } = this.#o;
    if (!config.worker.ring.enabled || monotonic() < this.#pause.until) return { rung: 0 };
    const sender = await this.#ringSender();
    if (sender.view.stale) await this.#readDevices(sender);
    const now = monotonic();
    const free = sender.view.devices().filter((one) => one.running < one.slots);
    const ranks = [...this.#watched.values()].filter(
      (one) => now >= one.restsUntil && free.some((device) => eligible(device, one).ok),
    );
    if (ranks.length === 0) return { rung: 0 };
    const due = await this.#poll(ranks);
    for (const n of due) this.#ring(sender, ranks[n]!);
    return { rung: due.length };
  }

  /** Indexes of the lanes and ranks that are due. None when the poll took too long: other duties wait for the session. */
  async #poll(ranks: Watched[]): Promise<number[]> {
    const { duty } = this.#o;
    const { sql, values } = dueStatement(duty.names, undefined, ranks);
    // From when the session is free: other duties may have had it until then.
    let asked = monotonic();
    try {
      const rows = await duty.run((session) => {
        asked = monotonic();
        return session.rows(limited(sql, POLL_LIMIT_MS), values);
      });
      this.#pause.polled(monotonic(), monotonic() - asked);
      return dueWork(rows).due;
    } catch (error) {
      if (!isOverLimit(error)) throw error;
      this.#pause.brokenOff(monotonic(), monotonic() - asked);
      return [];
    }
  }

  async close(): Promise<void> {
    await this.#own?.close();
  }

  #ring(sender: RingSender, laneRank: Watched): void {
    laneRank.seenAt = monotonic();
    // Until the answer is here: what is due in the next poll may be what is being claimed now.
    laneRank.restsUntil = laneRank.seenAt + laneRank.pauseMs;
    void sender.ring({ ...laneRank, n: 1 }).then((claimed) => {
      laneRank.pauseMs = claimed > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, laneRank.pauseMs * 2);
      laneRank.restsUntil = claimed > 0 ? 0 : monotonic() + laneRank.pauseMs;
    });
  }

  async #ringSender(): Promise<RingSender> {
    const shared = this.#o.ringSender?.();
    if (shared !== undefined) return shared;
    const { duty, config } = this.#o;
    this.#own ??= await duty.run(async (session) => openRingSender(config, session.facts.localAddress));
    return this.#own;
  }

  async #readDevices(sender: RingSender): Promise<void> {
    const { duty } = this.#o;
    const readAt = monotonic();
    const { sql, values } = ringTargetsStatement(duty.names);
    const targets = ringTargets(await duty.run((session) => session.rows(sql, values)));
    sender.view.update(targets, readAt);
    // For each type that a device runs: where most tasks are, so that also the first one is seen at once.
    for (const task_type of new Set(targets.flatMap((one) => one.capabilities.supported_tasks ?? []))) {
      this.#watch({
        lane: laneKey(task_type, null),
        claim_rank: claimRank(null),
        task_type,
        required_capabilities: null,
      });
    }
    for (const { lane, claim_rank, task_type, required_capabilities: text } of this.#o.heads()) {
      const { requires, readable } = requirementsOf(text);
      if (readable) this.#watch({ lane, claim_rank, task_type, required_capabilities: requires });
    }
    const oldest = [...this.#watched].sort(([, a], [, b]) => a.seenAt - b.seenAt);
    for (const [key] of oldest.slice(0, Math.max(0, oldest.length - MOST_RANKS))) this.#watched.delete(key);
  }

  #watch(laneRank: Omit<RingWork, 'n'>): void {
    const key = laneRankKey(laneRank);
    const watched = this.#watched.get(key);
    if (watched !== undefined) watched.seenAt = monotonic();
    else this.#watched.set(key, { ...laneRank, seenAt: monotonic(), pauseMs: FIRST_PAUSE_MS, restsUntil: 0 });
  }
}
