// A worker's side of its ring receiver: what a ring says is noted in the lane catalog, the claimer is woken, and the
// answer waits for the claim that follows. The claim alone decides; a ring that says nonsense costs one claim that
// finds nothing.

import { type KnownLane, type LaneRank, laneKey } from '../domain/lane.ts';
import type { Ring } from '../ring/datagram.ts';
import type { Figures } from '../ring/ring-receiver.ts';
import { monotonic } from '../runtime/clock.ts';
import type { LaneCatalog } from './claim/lane-catalog.ts';

/** What a ring names. */
export type RungRank = LaneRank & Pick<Ring, 'n'> & Partial<Pick<Ring, 'directed' | 'hops'>>;

/** One transaction that asked for tasks. */
export interface Exchange {
  /** Monotonic ms at which it began. */
  began: number;
  asked: number;
  claimed: number;
}

export interface RingRepliesOptions {
  taskTypes: string[];
  catalog: Pick<LaneCatalog, 'ring' | 'lane' | 'learn'>;
  /** One row of an unknown lane, from the database; undefined = there is none, or too many were read. */
  read(laneRank: LaneRank): Promise<KnownLane | undefined>;
  wake(): void;
  slots(): { running: number; free: number };
  /** A hint that could not be followed: it is one less, and a poll finds the task. */
  onProblem(error: unknown): void;
}

/** How long an answer waits for its claim; the sender has long gone on by then. */
const REPLY_WAIT_MS = 100;

export class RingReplies {
  readonly #o: RingRepliesOptions;
  /** Lanes of tasks without requirements: they need not be read. */
  readonly #plain: Map<string, string>;
  readonly #waiting = new Set<{ since: number; end: (claimed: number) => void }>();
  #lastRing: { laneRank: RungRank; at: number } | undefined;
  #limit: number | undefined;

  constructor(options: RingRepliesOptions) {
    this.#o = options;
    this.#plain = new Map(options.taskTypes.map((type) => [laneKey(type, null).toString('hex'), type]));
  }

  /** Keeps a hint about what is known here, or can be known without a read. Never throws. */
  hint(laneRank: RungRank): void {
    try {
      if (!this.#o.catalog.ring(laneRank)) this.#learn(laneRank, this.#knownHere(laneRank));
    } catch (error) {
      this.#o.onProblem(error);
    }
  }

  /**
   * Notes the hint; the next claim follows it. False = this device does not run such tasks, or there are none any more.
   * Never rejects.
   */
  async note(laneRank: RungRank): Promise<boolean> {
    try {
      return await this.#note(laneRank);
    } catch (error) {
      this.#o.onProblem(error);
      return false;
    }
  }

  async #note(laneRank: RungRank): Promise<boolean> {
    return (
      this.#o.catalog.ring(laneRank) ||
      this.#learn(laneRank, this.#knownHere(laneRank) ?? (await this.#o.read(laneRank)))
    );
  }

  #knownHere({ lane, claim_rank }: RungRank): KnownLane | undefined {
    const type = this.#plain.get(lane.toString('hex'));
    const plain = type === undefined ? undefined : { lane, claim_rank, task_type: type, required_capabilities: null };
    return this.#o.catalog.lane(lane) ?? plain;
  }

  #learn(laneRank: RungRank, found: KnownLane | undefined): boolean {
    if (found === undefined) return false;
    this.#o.catalog.learn([{ ...found, claim_rank: laneRank.claim_rank }], true);
    return this.#o.catalog.ring(laneRank);
  }

  /** Causes a claim and waits for it. Never rejects. */
  async claim(laneRank: RungRank): Promise<Figures> {
    try {
      return await this.#claim(laneRank);
    } catch (error) {
      this.#o.onProblem(error);
      return { claimed: 0, running: 0, free: 0 };
    }
  }

  async #claim(laneRank: RungRank): Promise<Figures> {
    const since = monotonic();
    const due = await this.note(laneRank);
    if (!due || this.#o.slots().free === 0) return this.#figures(0);
    this.#limit = this.#waiting.size === 0 ? laneRank.n : undefined;
    this.#lastRing = { laneRank, at: since };
    const claimed = await new Promise<number>((resolve) => {
      const one = {
        since,
        end: (n: number) => {
          clearTimeout(timer);
          this.#waiting.delete(one);
          resolve(n);
        },
      };
      const timer = setTimeout(() => one.end(0), REPLY_WAIT_MS);
      timer.unref();
      this.#waiting.add(one);
      this.#o.wake();
    });
    return this.#figures(claimed);
  }

  /** How many tasks the next claim may take because one ring asked for no more; undefined = as many as fit. */
  takeLimit(): number | undefined {
    const limit = this.#limit;
    this.#limit = undefined;
    return limit;
  }

  /** A claim has come back. Returns the hop count of the ring that caused it, 0 when none did. */
  onExchange({ began, claimed }: Exchange): number {
    const last = this.#lastRing;
    const caused = last !== undefined && last.at <= began;
    if (caused) this.#lastRing = undefined;
    // One that was under way when the ring came may have asked before the task was there.
    for (const one of [...this.#waiting]) if (one.since <= began) one.end(claimed);
    return caused ? (last.laneRank.hops ?? 0) : 0;
  }

  #figures(claimed: number): Figures {
    return { claimed, ...this.#o.slots() };
  }
}
