// All that a worker has to do with rings: its receiver, what it does when rung, and which devices it rings itself: the
// next device when it could not take everything, and those that should run what it enqueued or released.
import type { Context } from '../context/context.ts';
import type { ClaimedTask } from '../db/claim/claimed-task.ts';
import type { ClaimPermission } from '../db/claim/finish-and-claim.ts';
import { laneOfRank } from '../db/lanes/lane-of-rank.ts';
import type { Session } from '../db/session.ts';
import type { Reconciled } from '../domain/attempt/reconcile.ts';
import { type KnownLane, laneKey } from '../domain/lane.ts';
import { requirementsOf } from '../domain/task/requirements.ts';
import { thrownText } from '../domain/text/thrown-text.ts';
import { Notifier } from '../ring/notifier.ts';
import { openRingSender } from '../ring/open-ring-sender.ts';
import { openRingPort, type RingPort } from '../ring/ring-port.ts';
import { RingReceiver } from '../ring/ring-receiver.ts';
import type { RingSocket } from '../ring/ring-socket.ts';
import { monotonic } from '../runtime/clock.ts';
import type { LaneCatalog } from './claim/lane-catalog.ts';
import { LaneReads } from './lane-reads.ts';
import { RingReplies } from './ring-replies.ts';
import type { Runner } from './run/runner.ts';
import type { WorkerClaimer } from './worker-link.ts';

export interface RingParts {
  session: Session;
  deviceId: string;
  taskTypes: string[];
  catalog: LaneCatalog;
  runner: Runner;
  claimer: Pick<WorkerClaimer, 'wake'>;
  /** False: it claims nothing now, whatever rings. */
  mayClaim(): boolean;
}

/** Most times that a ring is forwarded. */
const MOST_HOPS = 4;
/** Most forwardings per second of claims that no ring caused: under a backlog all devices claim anyway. */
const FORWARD_EVERY_MS = 250;

export class WorkerRing {
  /** What the device row says: where it is rung. Port 0 = nowhere. */
  readonly published: { address: string | undefined; port: number; token: string | undefined };
  readonly #context: Context;
  readonly #socket: RingSocket | undefined;
  readonly #token: Buffer;
  #parts: (RingParts & { replies: RingReplies; notifier: Notifier }) | undefined;
  #receiver: RingReceiver | undefined;
  #permission: ClaimPermission = 'open';
  #forwardedAt = Number.NEGATIVE_INFINITY;
  #problem = false;

  private constructor(context: Context, { socket, token, published }: RingPort) {
    this.#context = context;
    this.#socket = socket;
    this.#token = token;
    this.published = published;
  }

  /**
   * Opens the port, if the configuration wants one. `localAddress`: this end of the socket to the database, undefined
   * on a Unix socket. An address that cannot be bound is reported, and this worker polls.
   */
  static async open(context: Context, localAddress: string | undefined): Promise<WorkerRing> {
    const { enabled, host, port } = context.config.worker.ring;
    const onProblem = (why: string) => {
      const message = `The UDP port for rings could not be opened (${why}): this worker finds tasks by polling only.`;
      context.events.emit('warning', { message });
    };
    return new WorkerRing(context, await openRingPort({ enabled, host, port, localAddress, onProblem }));
  }

  attach(parts: RingParts): void {
    const { session, catalog } = parts;
    const { names, config, events } = this.#context;
    const reads = new LaneReads((laneRank) => laneOfRank(session, names, laneRank));
    const replies = new RingReplies({
      taskTypes: parts.taskTypes,
      catalog,
      // The connection is lost, and so is a hint.
      read: (laneRank) => reads.of(laneRank).catch(() => undefined),
      wake: () => parts.claimer.wake(),
      slots: () => this.#slots(),
      onProblem: (error) => this.#onProblem(error),
    });
    const sender = openRingSender(config, session.facts.localAddress, {
      socket: this.#socket,
      self: { device_id: parts.deviceId, ring: (work) => replies.claim(work) },
      onSwitch: (on) => events.emit('ring:switched', { on }),
      onProblem: (error) => this.#onProblem(error),
    });
    this.#parts = { ...parts, replies, notifier: new Notifier(sender, names) };
    if (this.#socket === undefined) return;
    this.#receiver = new RingReceiver({
      socket: this.#socket,
      token: this.#token,
      claim: (ring) => replies.claim(ring),
      note: (ring) => replies.hint(ring),
      figures: () => this.#slots(),
    });
    void this.#receiver.start();
  }

  get sender() {
    return this.#parts?.notifier.ringSender;
  }

  /** Slots that the next claim may fill: no more than a ring asked for. */
  limit(free: number): number {
    const limit = free > 0 ? this.#parts?.replies.takeLimit() : undefined;
    return limit === undefined ? free : Math.min(free, Math.max(1, limit));
  }

  /** Slots were taken or freed. */
  changed(): void {
    this.#receiver?.changed();
  }

  onPermission(permission: ClaimPermission): void {
    if (permission !== 'not-asked') this.#permission = permission;
  }

  /** A claim has come back. One as full as it could be, with no slot left here, is passed on. */
  onExchange({ began, asked, claimed }: { began: number; asked: number; claimed: ClaimedTask[] }): void {
    if (this.#parts === undefined) return;
    const { replies, runner } = this.#parts;
    const hops = replies.onExchange({ began, asked, claimed: claimed.length });
    const last = claimed.at(-1);
    if (last === undefined || claimed.length < asked || runner.room() > 0) return;
    const now = monotonic();
    if (hops >= MOST_HOPS || (hops === 0 && now - this.#forwardedAt < FORWARD_EVERY_MS)) return;
    this.#forwardedAt = now;
    const { task_type, required_capabilities, claim_rank } = last;
    const lane = laneKey(task_type, required_capabilities);
    this.#passOn({ lane, claim_rank, task_type, required_capabilities }, hops + 1);
  }

  /** An end is written: other devices may run what it enqueued or released. */
  onReconciled(result: Reconciled): void {
    if (result.kind !== 'accepted' || this.#parts === undefined) return;
    const { notifier, session } = this.#parts;
    const { finish, task_status, due_in_s = 0 } = result.end;
    const { outcome, lane } = finish;
    if (outcome.kind === 'done' && outcome.enqueue.length > 0) {
      // The connection is lost, and so is a hint.
      notifier.notify(session, outcome.enqueue).catch(() => {});
    } else if (lane !== undefined && task_status === 'pending' && due_in_s === 0) this.#passOn(lane);
  }

  /** Rings under way are waited for (30 ms at most), then the port is closed. */
  async close(): Promise<void> {
    await this.#receiver?.stop();
    await this.sender?.close();
    this.#socket?.close();
  }

  #onProblem(error: unknown): void {
    if (this.#problem) return;
    this.#problem = true;
    const message = `A ring could not be processed (${thrownText(error)}): its task starts at the next poll. Further errors of this kind are not logged.`;
    this.#context.events.emit('warning', { message });
  }

  #passOn({ lane, claim_rank, task_type, required_capabilities: text }: KnownLane, hops = 0): void {
    const { notifier, session } = this.#parts!;
    const work = { lane, claim_rank, task_type, required_capabilities: requirementsOf(text).requires, n: 1, hops };
    notifier.refresh(session).then(
      () => notifier.ringSender.passOn(work),
      () => {},
    );
  }

  #slots() {
    const { runner, mayClaim } = this.#parts!;
    const free = mayClaim() && this.#permission === 'open' ? runner.room() : 0;
    return { running: runner.occupied, free };
  }
}
