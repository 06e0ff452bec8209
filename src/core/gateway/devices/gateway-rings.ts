// Rings for the devices behind this gateway. A ring names the work, and not the device: those that wait here share a port.
import type { KnownLane, LaneRank } from '../../domain/lane.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Ring } from '../../ring/datagram.ts';
import type { Near } from '../../ring/notifier.ts';
import type { RingPort } from '../../ring/ring-port.ts';
import { type Figures, RingReceiver } from '../../ring/ring-receiver.ts';
import type { RingWork } from '../../ring/ring-sender.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import type { LaneCatalog } from '../../worker/claim/lane-catalog.ts';
import { type LaneEntry, newEntry } from '../../worker/claim/lane-entry.ts';
import { LaneReads } from '../../worker/lane-reads.ts';
import { RingReplies } from '../../worker/ring-replies.ts';
import type { DeviceKinds } from './device-kind.ts';
import type { FleetReads } from './fleet-reads.ts';
import { EXPECT_MS, type GatewayDevice } from './gateway-device.ts';
import { entryOf, type Waiting } from './waiting.ts';

/** What a ring for "as many as you like" wakes at first; each that finds more than it takes wakes others. */
const UNNAMED = 4;
const NO_NUMBER = 0xffff;
/** Rings that cause claims within any second, for all devices here together. */
const PER_SECOND = 1000;

export interface GatewayRingsOptions {
  port: RingPort;
  events: Events;
  catalog: LaneCatalog;
  kinds: DeviceKinds;
  reads: FleetReads;
  waiting: Waiting;
  /** One pending row of a lane and rank. */
  read(laneRank: LaneRank): Promise<KnownLane | undefined>;
}

interface Woken {
  since: number;
  left: Set<GatewayDevice>;
  claimed: number;
  end(): void;
}

export class GatewayRings implements Near {
  /** How long an answer waits for the claims, in milliseconds; the sender has long gone on by then. */
  replyWaitMs = 100;
  readonly #o: GatewayRingsOptions;
  readonly #lanes: LaneReads;
  readonly #woken = new Set<Woken>();
  #replies: RingReplies | undefined;
  #problem = false;

  constructor(options: GatewayRingsOptions) {
    this.#o = options;
    this.#lanes = new LaneReads(options.read);
  }

  /** Listens at the port; undefined = there is none. */
  receiver(): RingReceiver | undefined {
    const { socket, token } = this.#o.port;
    if (socket === undefined) return undefined;
    return new RingReceiver({
      ...{ socket, token, perSecond: PER_SECOND },
      claim: (ring) => this.claim(ring),
      note: (ring) => this.#known().hint(ring),
      figures: () => this.#figures(),
    });
  }

  /** Other types are handled here now. */
  typesChanged(): void {
    this.#replies = undefined;
  }

  /** Wakes devices that wait, and waits for what they claim. Never rejects. */
  async claim(ring: Ring): Promise<Figures> {
    try {
      return { claimed: await this.#claim(ring), ...this.#figures() };
    } catch (error) {
      this.#onProblem(error);
      return { claimed: 0, ...this.#figures() };
    }
  }

  /** Before the commit: nothing is known of these tasks yet. */
  room(work: RingWork): number {
    return this.#o.waiting.room(newEntry(laneOf(work), false, 0), work.n);
  }

  wake(work: RingWork): number {
    const { waiting } = this.#o;
    const entry = this.#learned(work);
    if (entry === undefined) return 0;
    const room = waiting.room(entry, work.n);
    waiting.wakeForLane(entry, { tasks: work.n }, true);
    return room;
  }

  expect(work: RingWork): (written: boolean) => void {
    const at = monotonic();
    const entry = this.#learned(work);
    let over!: () => void;
    const expected = new Promise<void>((resolve) => {
      over = resolve;
    });
    if (entry !== undefined)
      for (const device of this.#o.waiting.wakeForLane(entry, { tasks: work.n }, true)) device.expected = expected;
    return (written) => {
      // Claims that did not wait for it may have found nothing here.
      if (written) this.#learned(work);
      if (written && monotonic() - at >= EXPECT_MS) this.wake(work);
      over();
    };
  }

  #learned(work: RingWork): LaneEntry | undefined {
    this.#o.catalog.learn([laneOf(work)], true);
    return entryOf(this.#o.catalog.due(), work);
  }

  /** A claim for a device has come back. */
  onClaimed(device: GatewayDevice, began: number, claimed: number): void {
    for (const one of this.#woken) {
      if (one.since > began || !one.left.delete(device)) continue;
      one.claimed += claimed;
      if (one.left.size === 0) one.end();
    }
  }

  async #claim(ring: Ring): Promise<number> {
    const since = monotonic();
    const devices = ring.directed ? await this.#o.reads.wakeDirected() : await this.#wake(ring);
    if (devices.length === 0) return 0;
    return new Promise((resolve) => {
      const one: Woken = {
        ...{ since, left: new Set(devices), claimed: 0 },
        end: () => {
          clearTimeout(timer);
          this.#woken.delete(one);
          resolve(one.claimed);
        },
      };
      const timer = setTimeout(one.end, this.replyWaitMs);
      timer.unref();
      this.#woken.add(one);
    });
  }

  async #wake(ring: Ring): Promise<GatewayDevice[]> {
    const { catalog, waiting } = this.#o;
    if (!(await this.#known().note(ring))) return [];
    const entry = entryOf(catalog.due(), ring);
    if (entry === undefined) return [];
    const how = ring.n === NO_NUMBER ? { devices: UNNAMED } : { tasks: ring.n };
    return waiting.wakeForLane(entry, how, true);
  }

  #known(): RingReplies {
    this.#replies ??= new RingReplies({
      taskTypes: this.#o.kinds.types,
      catalog: this.#o.catalog,
      // The connection is lost, and so is a hint.
      read: (laneRank) => this.#lanes.of(laneRank).catch(() => undefined),
      wake: () => {},
      slots: () => this.#figures(),
      onProblem: (error) => this.#onProblem(error),
    });
    return this.#replies;
  }

  /** Which device was meant is not known: what counts is whether there is room. */
  #figures(): Omit<Figures, 'claimed'> {
    return { running: 0, free: Math.min(NO_NUMBER, this.#o.waiting.free) };
  }

  #onProblem(error: unknown): void {
    if (this.#problem) return;
    this.#problem = true;
    const message = `A ring could not be processed (${thrownText(error)}): its task starts at the next poll. Further errors of this kind are not logged.`;
    this.#o.events.emit('warning', { message });
  }
}

function laneOf({ lane, claim_rank, task_type, required_capabilities: requires }: RingWork): KnownLane {
  const text = requires === null ? null : JSON.stringify(requires);
  return { lane, claim_rank, task_type, required_capabilities: text };
}
