// Sends the rings of wake-ups. They are hints only: every call returns at once, nothing here fails, and a task for which no
// device is rung is found by a poll.
import { randomBytes } from 'node:crypto';
import type { RingTarget } from '../db/devices/ring-targets.ts';
import type { LaneRequirements } from '../domain/eligibility.ts';
import { placeTasks, rankDevices } from '../domain/placement/place-tasks.ts';
import type { PlacementPolicy } from '../domain/placement/policy.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Reply } from './datagram.ts';
import type { FleetView } from './fleet-view.ts';
import type { RingSocket } from './ring-socket.ts';
import { SenderSockets } from './sender-sockets.ts';
import { SentRings } from './sent-rings.ts';

/** Tasks of one (lane, rank) that are due now and for which no device was rung. */
export interface RingWork extends LaneRequirements {
  lane: Buffer;
  claim_rank: number;
  n: number;
  /** What one claim for it may take at most; absent = as much as fits. */
  most?: number;
  /** How often this work was passed on. */
  hops?: number;
}

export interface RingSenderOptions {
  view: FleetView;
  /** False: no device is ever rung. */
  enabled: boolean;
  policy: () => PlacementPolicy;
  /** This process's own device: notified without a datagram. */
  self?: { device_id: string; ring(work: RingWork): Promise<Pick<Reply, 'claimed' | 'running' | 'free'>> };
  /** The socket of this process's receiver, if it has one. */
  socket?: RingSocket | undefined;
  /** Milliseconds; for tests. */
  offAfterMs?: number;
  retryMs?: number;
  /** No device has answered for long enough that the ring is off; true = it is on again. */
  onSwitch?: (on: boolean) => void;
  /** A ring that could not be made for an unexpected reason: it is dropped. */
  onProblem?: (error: unknown) => void;
}

/** Further devices that are rung for the same tasks. */
const MOST_MORE = 2;
const MOST = 0xffff;
/** How long a closed socket stays open for a late challenge. */
const LINGER_MS = 50;
const OFF_AFTER_MS = 10_000;
/** Time between two tries of a ring that is off. */
const RETRY_MS = 10_000;
export class RingSender {
  readonly view: FleetView;
  /** No answer within this time: the next one is rung. */
  answerMs = 10;
  readonly #o: RingSenderOptions;
  readonly #sent = new SentRings((id, reply) => this.#heard(id, reply));
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #sockets: SenderSockets;
  readonly #salt = randomBytes(4).readUInt32BE();
  #turn = 0;
  #silentSince: number | undefined;
  #off = false;
  #retriedAt = 0;
  #closed = false;

  constructor(options: RingSenderOptions) {
    this.#o = options;
    this.view = options.view;
    this.#closed = !options.enabled;
    this.#sockets = new SenderSockets(options.socket, (bytes) => this.#sent.hear(bytes));
  }

  /**
   * Rings the best devices for this work, each once with its share. Settles with how many tasks they say they claimed.
   * Never rejects: the work is in the database already, and its producer must not see any other failure.
   */
  ring(work: RingWork): Promise<number> {
    return this.#follow(this.#ring(work));
  }

  async #ring(work: RingWork): Promise<number> {
    if (this.#closed || work.n <= 0 || !this.#on()) return 0;
    this.#turn += 1;
    const devices = this.view.devices();
    const plan = placeTasks(work, work.n, devices, this.#o.policy(), this.#salt + this.#turn);
    const rung = new Set(plan.keys());
    const offers: Array<Promise<number>> = [];
    for (const device of devices) {
      const n = plan.get(device.device_id);
      if (n === undefined) continue;
      // The others' share is theirs; who is alone with the work may take all that it finds.
      offers.push(this.#offer(plan.size === 1 ? { ...work, n } : { ...work, n, most: n }, device, rung));
    }
    return (await Promise.all(offers)).reduce((sum, claimed) => sum + claimed, 0);
  }

  /** The work was not taken here: rings the best of the others, if one has a free slot. */
  passOn(work: RingWork): void {
    this.quietly(() => {
      if (this.#closed || !this.#on()) return;
      const self = this.#o.self?.device_id;
      const rung = new Set(self === undefined ? [] : [self]);
      const next = this.#next(work, rung);
      if (next !== undefined) void this.#follow(this.#offer(work, next, rung));
    });
  }

  /** Rings one device for tasks that are directed at it. */
  ringDevice(deviceId: string, n = 1): void {
    this.quietly(() => {
      if (this.#closed || !this.#on()) return;
      const device = this.view.devices().find((one) => one.device_id.toLowerCase() === deviceId.toLowerCase());
      if (device === undefined) return;
      const work = { task_type: '', required_capabilities: null, lane: Buffer.alloc(16), claim_rank: 0, n };
      void this.#follow(this.#ask(work, device, true).then((reply) => reply?.claimed ?? 0));
    });
  }

  /** Does something for a ring: what fails in it costs the ring, and not the call that it is part of. */
  quietly(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#o.onProblem?.(error);
    }
  }

  /** Waits for the rings that are under way (each tries for 60 ms at most), and 50 ms for devices that say nothing; then closes what it opened. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#underWay);
    await this.#sent.heard(LINGER_MS);
    await this.#sockets.close();
  }

  /** Tasks that the device, or the next best ones, say they claimed. */
  async #offer(work: RingWork, first: RingTarget, rung: Set<string>): Promise<number> {
    let device: RingTarget | undefined = first;
    for (let more = 0; device !== undefined && more <= MOST_MORE; more += 1) {
      rung.add(device.device_id);
      const reply = await this.#ask(work, device, false);
      if (reply !== undefined && reply.claimed > 0) return reply.claimed;
      device = this.#next(work, rung);
    }
    return 0;
  }

  #next(work: RingWork, rung: Set<string>): RingTarget | undefined {
    const others = this.view.devices().filter((one) => !rung.has(one.device_id) && one.running < one.slots);
    return rankDevices(work, others, this.#o.policy(), this.#salt + this.#turn)[0] as RingTarget | undefined;
  }

  /** One ring, and its answer if it comes in time. */
  async #ask(work: RingWork, device: RingTarget, directed: boolean) {
    const { self } = this.#o;
    const { device_id: id } = device;
    this.view.rung(id, work.n);
    try {
      if (self?.device_id === id && !directed) {
        const reply = await self.ring({ ...work, n: work.most ?? MOST });
        this.view.heard(id, reply);
        return reply;
      }
      const reply = await this.#send(work, device, directed);
      if (reply === undefined) this.#missed(id);
      return reply;
    } finally {
      this.view.answered(id, work.n);
    }
  }

  async #send(work: RingWork, device: RingTarget, directed: boolean): Promise<Reply | undefined> {
    const { device_id, address, port, token } = device;
    const socket = await this.#sockets.for(address);
    if (socket === undefined) return undefined;
    const { lane, claim_rank, most: n = MOST, hops = 0 } = work;
    return this.#sent.send({
      device_id,
      token,
      cookie: this.view.cookieOf(device_id),
      ring: { directed, lane, claim_rank, n, hops },
      waitMs: this.answerMs,
      write: (bytes) => socket.send(bytes, { address, port }),
    });
  }

  #heard(id: string, reply: Reply): void {
    this.#silentSince = undefined;
    if (this.#off) this.#switch(true);
    this.view.keepCookie(id, reply.cookie);
    if (reply.kind !== 'challenge') this.view.heard(id, reply);
  }

  #missed(id: string): void {
    this.view.unanswered(id);
    const now = monotonic();
    this.#silentSince ??= now;
    if (!this.#off && now - this.#silentSince >= (this.#o.offAfterMs ?? OFF_AFTER_MS)) this.#switch(false);
  }

  #switch(on: boolean): void {
    this.#off = !on;
    this.#retriedAt = monotonic();
    this.#o.onSwitch?.(on);
  }

  /** While it is off, one ring in a while finds out whether that is still so. */
  #on(): boolean {
    if (!this.#off) return true;
    const now = monotonic();
    if (now - this.#retriedAt < (this.#o.retryMs ?? RETRY_MS)) return false;
    this.#retriedAt = now;
    return true;
  }

  #follow(work: Promise<number>): Promise<number> {
    const quiet = work.catch((error: unknown) => {
      this.#o.onProblem?.(error);
      return 0;
    });
    this.#underWay.add(quiet);
    void quiet.then(() => this.#underWay.delete(quiet));
    return quiet;
  }
}
