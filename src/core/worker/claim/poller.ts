// Looks for work between the ticks of the liveness thread: soon after work was found (adaptive polling), and over the
// whole index when nobody publishes the lanes.

import { probeStatement } from '../../db/claim/check-cursor.ts';
import type { ClaimSource, Mark } from '../../db/claim/claim-source.ts';
import { PAIRS_PER_WALK, peekLanes, START } from '../../db/lanes/discover-lanes.ts';
import { type LanePair, lookForDue } from '../../db/lanes/due-work.ts';
import { releaseLookLock, takeLookLock } from '../../db/lanes/look-lock.ts';
import { isOverLimit } from '../../db/server/statement-limit.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { monotonic } from '../../runtime/clock.ts';
import { LookPause } from '../../runtime/look-pause.ts';
import type { LaneBook } from './lane-catalog.ts';

/** First look after the last claim that got something; doubles until the tick is as frequent. */
const FIRST_LOOK_MS = 25;
/** Without a leader, each process scans for unknown lanes so often, ± 20 %. */
const SCAN_EVERY_MS = 10_000;

export class Scout {
  readonly #session: Session;
  readonly #names: TableNames;
  readonly #book: LaneBook;
  readonly #deviceId: string;
  readonly #pollIntervalMs: number;
  #pause: number;
  /** Monotonic time at which the last look began. */
  lookedAt = Number.NEGATIVE_INFINITY;
  #since = monotonic();
  #scanAt = 0;
  /** Where the last scan was cut: the next one goes on there. */
  #scanned: LanePair = START;
  #leaderLives = false;
  #turn = false;
  readonly #costly: LookPause;

  constructor(options: {
    session: Session;
    names: TableNames;
    book: LaneBook;
    deviceId: string;
    pollIntervalMs: number;
    costly?: LookPause;
  }) {
    this.#session = options.session;
    this.#names = options.names;
    this.#book = options.book;
    this.#deviceId = options.deviceId;
    this.#pollIntervalMs = options.pollIntervalMs;
    this.#pause = options.pollIntervalMs;
    this.#costly = options.costly ?? new LookPause();
  }

  /** A claim got something: look again soon. */
  hit(): void {
    this.#pause = FIRST_LOOK_MS;
    this.#since = monotonic();
  }

  /** New lanes may exist (tasks were inserted here): scan at the next look. */
  scanNow(): void {
    this.#scanAt = 0;
    this.hit();
  }

  /** The next look is now, in place of a tick. */
  turn(): void {
    this.#turn = true;
  }

  /** While a leader publishes the lanes, nobody else scans. */
  set leaderLives(value: boolean) {
    this.#leaderLives = value;
  }

  /** Milliseconds until the next look; infinite when the tick does it. */
  nextLookMs(): number {
    const now = monotonic();
    if (this.#turn) return 0;
    const scan = this.#published ? Number.POSITIVE_INFINITY : this.#scanAt - now;
    const look = this.#pause >= this.#pollIntervalMs ? Number.POSITIVE_INFINITY : this.#since + this.#pause - now;
    return Math.max(0, Math.min(scan, look), this.#costly.until - now);
  }

  /** Somebody publishes the lanes, and no new one is expected. */
  get #published(): boolean {
    return this.#leaderLives && this.#scanAt > 0;
  }

  /** One look, wide or narrow. Marks what is due in the book. @throws DatabaseError */
  async look(): Promise<void> {
    const now = monotonic();
    this.lookedAt = now;
    this.#since = now;
    this.#pause = Math.min(this.#pause * 2, this.#pollIntervalMs);
    this.#turn = false;
    // Only to keep the connection from its idle timeout.
    if (now < this.#costly.until) return this.#session.ping();
    const alone = this.#costly.costly;
    if (alone && !(await takeLookLock(this.#session, this.#names))) return this.#costly.again(monotonic());
    try {
      if (now >= this.#scanAt && !this.#published) await this.#scan(now);
      await this.#lookAtPairs();
    } catch (error) {
      if (!isOverLimit(error)) throw error;
      this.#costly.brokenOff(monotonic(), monotonic() - now);
    } finally {
      if (alone && this.#session.alive) await releaseLookLock(this.#session, this.#names);
    }
  }

  /** Checks the marks of sources: whether a due row lies before the place where their claims begin. @throws DatabaseError */
  async probe(sources: Array<ClaimSource & { kind: 'lane' }>): Promise<void> {
    const asked = sources.flatMap((source) => {
      const mark = this.#book.markOf(source);
      return mark === undefined
        ? []
        : [{ source, statement: probeStatement(this.#names, source.lane, source.claim_rank, mark) }];
    });
    if (asked.length === 0) return;
    const started = monotonic();
    const answers = await this.#session.packet(asked.map((one) => one.statement));
    const cost = (monotonic() - started) / asked.length;
    for (const [n, { source }] of asked.entries()) {
      const [found] = answers[n] as unknown as Mark[];
      this.#book.probed(source, found, monotonic(), cost);
    }
  }

  async #lookAtPairs(): Promise<void> {
    const pairs = this.#book.pairs();
    const asked = monotonic();
    const { due, directed } = await lookForDue(this.#session, this.#names, this.#deviceId, pairs);
    const took = monotonic() - asked;
    // What took longer than a call may was answered in time, and lay there while the main thread stood still.
    if (took <= this.#session.options.deadlineMs) this.#costly.looked(monotonic(), took);
    this.#book.markDue(
      due.flatMap((n) => pairs[n] ?? []),
      directed,
    );
  }

  async #scan(now: number): Promise<void> {
    this.#scanAt = now + SCAN_EVERY_MS * (0.8 + Math.random() * 0.4);
    const heads = await peekLanes(this.#session, this.#names, [], PAIRS_PER_WALK, this.#scanned);
    this.#scanned = heads.length < PAIRS_PER_WALK ? START : heads.at(-1)!;
    this.#book.learn(heads);
    // A head may be due later: the claim that finds out costs less than a look per pair.
    if (this.#book.crowded) this.#book.markDue(heads, false);
  }
}
