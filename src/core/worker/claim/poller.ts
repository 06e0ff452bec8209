// Polls for work between the ticks of the liveness thread: soon after work was found (adaptive polling), and over the
// whole index when no leader publishes the lanes.

import type { ClaimSource } from '../../db/claim/claim-source.ts';
import { discoverLanes, RANKS_PER_WALK, START } from '../../db/lanes/discover-lanes.ts';
import { pollDue } from '../../db/lanes/due-work.ts';
import { releasePollLock, takePollLock } from '../../db/lanes/poll-lock.ts';
import { isOverLimit } from '../../db/server/statement-limit.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { LaneRank } from '../../domain/lane.ts';
import { monotonic } from '../../runtime/clock.ts';
import { PollPause } from '../../runtime/poll-pause.ts';
import type { Polls } from './claimer-options.ts';
import { checkCursors } from './cursor-checks.ts';
import type { LaneCatalog } from './lane-catalog.ts';

/** First poll after the last claim that got something; doubles until the tick is as frequent. */
const FIRST_POLL_MS = 25;
/** Without a leader, each process discovers lanes this often, ± 20 %. */
const DISCOVER_EVERY_MS = 10_000;

export class Poller implements Polls {
  readonly #session: Session;
  readonly #names: TableNames;
  readonly #catalog: LaneCatalog;
  readonly #deviceId: string;
  readonly #pollIntervalMs: number;
  #pause: number;
  /** Monotonic time at which the last poll began. */
  polledAt = Number.NEGATIVE_INFINITY;
  #since = monotonic();
  #discoverAt = 0;
  /** Where the last skip scan was cut: the next one goes on there. */
  #discovered: LaneRank = START;
  #leaderLives = false;
  #turn = false;
  readonly #costly: PollPause;

  constructor(options: {
    session: Session;
    names: TableNames;
    catalog: LaneCatalog;
    deviceId: string;
    pollIntervalMs: number;
    costly?: PollPause;
  }) {
    this.#session = options.session;
    this.#names = options.names;
    this.#catalog = options.catalog;
    this.#deviceId = options.deviceId;
    this.#pollIntervalMs = options.pollIntervalMs;
    this.#pause = options.pollIntervalMs;
    this.#costly = options.costly ?? new PollPause();
  }

  /** A claim got something: poll again soon. */
  hit(): void {
    this.#pause = FIRST_POLL_MS;
    this.#since = monotonic();
  }

  /** New lanes may exist (tasks were inserted here): discover lanes at the next poll. */
  discoverNow(): void {
    this.#discoverAt = 0;
    this.hit();
  }

  /** The first poll, which discovers lanes, is over, even if it failed. */
  get hasPolled(): boolean {
    return this.polledAt > Number.NEGATIVE_INFINITY;
  }

  /** The next poll is now, in place of a tick. */
  turn(): void {
    this.#turn = true;
  }

  /** While a leader publishes the lanes, no other process discovers them. */
  set leaderLives(value: boolean) {
    this.#leaderLives = value;
  }

  /** Milliseconds until the next poll; infinite when the tick does it. */
  nextPollMs(): number {
    const now = monotonic();
    if (this.#turn) return 0;
    const discovery = this.#published ? Number.POSITIVE_INFINITY : this.#discoverAt - now;
    const poll = this.#pause >= this.#pollIntervalMs ? Number.POSITIVE_INFINITY : this.#since + this.#pause - now;
    return Math.max(0, Math.min(discovery, poll), this.#costly.until - now);
  }

  /** Somebody publishes the lanes, and no new one is expected. */
  get #published(): boolean {
    return this.#leaderLives && this.#discoverAt > 0;
  }

  /** One poll, wide or narrow. Marks what is due in the lane catalog. @throws DatabaseError */
  async poll(): Promise<void> {
    const now = monotonic();
    this.polledAt = now;
    this.#since = now;
    this.#pause = Math.min(this.#pause * 2, this.#pollIntervalMs);
    this.#turn = false;
    // Only to keep the connection from its idle timeout.
    if (now < this.#costly.until) return this.#session.ping();
    const alone = this.#costly.costly;
    if (alone && !(await takePollLock(this.#session, this.#names))) return this.#costly.again(monotonic());
    try {
      if (now >= this.#discoverAt && !this.#published) await this.#discover(now);
      await this.#pollRanks();
    } catch (error) {
      if (!isOverLimit(error)) throw error;
      this.#costly.brokenOff(monotonic(), monotonic() - now);
    } finally {
      if (alone && this.#session.alive) await releasePollLock(this.#session, this.#names);
    }
  }

  /** Checks the cursors of sources: whether a due row lies before the place where their claims begin. @throws DatabaseError */
  async checkCursors(sources: Array<ClaimSource & { kind: 'lane' }>): Promise<void> {
    await checkCursors(this.#session, this.#names, this.#catalog, sources);
  }

  async #pollRanks(): Promise<void> {
    const ranks = this.#catalog.ranks();
    const asked = monotonic();
    const { due, directed } = await pollDue(this.#session, this.#names, this.#deviceId, ranks);
    const took = monotonic() - asked;
    // What took longer than a call may was answered in time, and lay there while the main thread stood still.
    if (took <= this.#session.options.deadlineMs) this.#costly.polled(monotonic(), took);
    this.#catalog.markDue(
      due.flatMap((n) => ranks[n] ?? []),
      directed,
    );
  }

  async #discover(now: number): Promise<void> {
    this.#discoverAt = now + DISCOVER_EVERY_MS * (0.8 + Math.random() * 0.4);
    const heads = await discoverLanes(this.#session, this.#names, [], RANKS_PER_WALK, this.#discovered);
    this.#discovered = heads.length < RANKS_PER_WALK ? START : heads.at(-1)!;
    this.#catalog.learn(heads);
    // A head may be due later: the claim that finds out costs less than a poll of each lane and rank.
    if (this.#catalog.crowded) this.#catalog.markDue(heads, false);
  }
}
