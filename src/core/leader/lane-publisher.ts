import { deviceViews } from '../db/devices/device-views.ts';
import { discoverLanes, type LaneHead } from '../db/lanes/discover-lanes.ts';
import { publishLanes } from '../db/lanes/publish-lanes.ts';
import { isOverLimit } from '../db/server/statement-limit.ts';
import type { Session } from '../db/session.ts';
import type { LaneRank } from '../domain/lane.ts';
import { laneRankKey } from '../domain/lane.ts';
import { ableCounter } from '../domain/placement/scarce-first.ts';
import { MOST_READ_BYTES, requirementsOf } from '../domain/task/requirements.ts';
import { monotonic } from '../runtime/clock.ts';
import { PollPause } from '../runtime/poll-pause.ts';
import type { DutySession } from './duty/duty-session.ts';
import { Failures } from './duty/failures.ts';
import { compareRanks, LaneMap } from './lane-map.ts';

/** What devices there are changes slowly. */
const DEVICES_EVERY_MS = 2000;
/** A row that the table refused is tried again after this time. */
const REFUSED_FOR_MS = 60_000;
const MOST_WARNED = 1000;
/** Lanes and ranks that are read while no other duty has the session: as many seeks as share a batch. */
const PIECE = 100;

export interface LanePublisherOptions {
  duty: DutySession;
  /** The fleet may change it during a term. */
  fleet: { readonly heartbeat_timeout: number };
  /** Takes a sentence for an operator. */
  warn: (message: string) => void;
  /** Lanes and ranks per round, and published in all. */
  perRound?: number;
  most?: number;
}

/**
 * Publishes which lanes and ranks have pending tasks, so that not every worker has to discover them itself, and how
 * many devices can run them, so that those with the fewest devices come first. A round reads a thousand; if there are
 * more, the next round reads the next thousand, and the others stay published until their turn comes.
 */
export class LanePublisher {
  readonly #o: LanePublisherOptions;
  readonly #map: LaneMap;
  /** What the last round found. */
  heads: LaneHead[] = [];
  #guided = false;
  #able: ReturnType<typeof ableCounter> = () => 0;
  #countedAt = Number.NEGATIVE_INFINITY;
  readonly #pause = new PollPause();
  readonly #refused = new Map<string, { until: number; what: string; error: Error }>();
  /** Lanes that no device can read, each said once; and that there are more lanes and ranks than a round reads. */
  readonly #warned = new Set<string>();

  constructor(options: LanePublisherOptions) {
    this.#o = options;
    this.#map = new LaneMap(options.perRound, options.most);
  }

  /**
   * Lanes and ranks that appeared since their last round of this process, and rows that vanished.
   * @throws PartsFailed when some could not be published, after the others were; NotLeader, DatabaseError
   */
  async runOnce(): Promise<{ appeared: number; vanished: number }> {
    const { duty } = this.#o;
    if (this.#pause.costly && monotonic() < this.#pause.until) return { appeared: 0, vanished: 0 };
    const failures = new Failures(duty);
    const { after, perWalk, guide } = this.#map.next;
    // A batch has one deadline for all its seeks: after a round that failed, each has one of its own again.
    const known = this.#guided ? guide : [];
    this.#guided = false;
    const heads = await this.#discover(after, perWalk, known);
    const clock = await duty.run((session) => session.rows<{ now: string }>('SELECT CAST(NOW(3) AS CHAR) AS now'));
    const { appeared, upTo, dropped } = this.#map.walked(heads, clock[0]?.now ?? '');
    this.#guided = true;
    this.heads = heads;
    if (upTo !== undefined) this.#sayCut(perWalk);
    await failures.part('counting the devices', () => this.#countDevices());
    const published = heads.flatMap((head) => this.#published(head, failures));
    const { vanished, refused } = await duty.fenced((session) =>
      publishLanes(session, duty.names, published, { after, upTo, dropped }),
    );
    for (const { head, error } of refused) this.#refuse(head, error, failures);
    return failures.end({ appeared, vanished });
  }

  /** In pieces, between which the other duties have the session: each unknown lane and rank costs a round trip. */
  async #discover(after: LaneRank, most: number, guide: LaneHead[]): Promise<LaneHead[]> {
    const { duty } = this.#o;
    const heads: LaneHead[] = [];
    for (let at = after; heads.length < most; at = heads.at(-1)!) {
      const piece = Math.min(PIECE, most - heads.length);
      const known = guide.filter((head) => compareRanks(head, at) > 0);
      const found = await duty.run((session) => this.#piece(session, known, piece, at));
      heads.push(...found);
      if (found.length < piece) break;
    }
    return heads;
  }

  /** Rounds pause after seeks that were slow: they read over what others have added and not committed. */
  async #piece(session: Session, known: LaneHead[], most: number, at: LaneRank): Promise<LaneHead[]> {
    const began = monotonic();
    try {
      const heads = await discoverLanes(session, this.#o.duty.names, known, most, at);
      this.#pause.polled(monotonic(), (monotonic() - began) / (heads.length + 1));
      return heads;
    } catch (error) {
      if (isOverLimit(error)) this.#pause.brokenOff(monotonic(), monotonic() - began);
      throw error;
    }
  }

  /** None for a lane that no device may run, or whose row the table has just refused. */
  #published(head: LaneHead, failures: Failures) {
    const { requires, readable } = requirementsOf(head.required_capabilities);
    if (!readable) {
      this.#sayUnreadable(head);
      return [];
    }
    const refused = this.#refused.get(laneRankKey(head));
    if (refused !== undefined && monotonic() < refused.until) {
      failures.note(refused.what, refused.error);
      return [];
    }
    return [{ ...head, able: this.#able({ task_type: head.task_type, required_capabilities: requires }) }];
  }

  #refuse(head: LaneHead, error: Error, failures: Failures): void {
    const what = `lane ${head.lane.toString('hex')} (task ${head.id})`;
    if (this.#refused.size >= MOST_WARNED) this.#refused.clear();
    this.#refused.set(laneRankKey(head), { until: monotonic() + REFUSED_FOR_MS, what, error });
    failures.note(what, error);
  }

  #sayUnreadable({ lane, id, task_type }: LaneHead): void {
    this.#once(
      lane.toString('hex'),
      `required_capabilities of task ${id} (${task_type}) is not JSON of at most ${MOST_READ_BYTES} bytes, so no device runs the tasks of its lane ${lane.toString('hex')}: correct the value, or cancel the tasks (afd tasks cancel ${id})`,
    );
  }

  #sayCut(perRound: number): void {
    this.#once(
      'cut',
      `tasks are pending in ${perRound} or more combinations of type, requirements and priority; the leader checks ${perRound} of them per second, so it detects new ones later; put values that differ from task to task in task_data, not in required_capabilities`,
    );
  }

  #once(key: string, message: string): void {
    if (this.#warned.has(key)) return;
    if (this.#warned.size >= MOST_WARNED) this.#warned.clear();
    this.#warned.add(key);
    this.#o.warn(message);
  }

  async #countDevices(): Promise<void> {
    if (monotonic() - this.#countedAt < DEVICES_EVERY_MS) return;
    this.#countedAt = monotonic();
    const { duty, fleet } = this.#o;
    const devices = await duty.run((session) => deviceViews(session, duty.names, fleet.heartbeat_timeout));
    this.#able = ableCounter(devices);
  }
}
