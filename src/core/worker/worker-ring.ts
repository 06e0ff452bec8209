// All that a worker has to do with rings: its receiver, what it does when rung, and which devices it rings itself: the
// next device when it could not take everything, and those that should run what it enqueued or released.
import { randomBytes } from 'node:crypto';
import type { Context } from '../context/context.ts';
import type { ClaimedTask } from '../db/claim/claimed-task.ts';
import type { ClaimPermission } from '../db/claim/finish-and-claim.ts';
import { laneOfRank } from '../db/lanes/lane-of-rank.ts';
import type { Session } from '../db/session.ts';
import type { Finish, Reconciled } from '../domain/attempt/reconcile.ts';
import { claimRank, laneKey } from '../domain/lane.ts';
import { requirementsOf } from '../domain/task/requirements.ts';
import { thrownText } from '../domain/text/thrown-text.ts';
import { Notifier } from '../ring/notifier.ts';
import { openRingSender } from '../ring/open-ring-sender.ts';
import { RingReceiver } from '../ring/ring-receiver.ts';
import type { RingWork } from '../ring/ring-sender.ts';
import { RingSocket } from '../ring/ring-socket.ts';
import { monotonic } from '../runtime/clock.ts';
import type { LaneCatalog } from './claim/lane-catalog.ts';
import { LaneReads } from './lane-reads.ts';
import { RingReplies } from './ring-replies.ts';
import type { Runner } from './run/runner.ts';

export interface RingParts {
  session: Session;
  deviceId: string;
  taskTypes: string[];
  catalog: LaneCatalog;
  runner: Runner;
  wake(): void;
  /** False: it claims nothing now, whatever rings. */
  accepting(): boolean;
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
  /** The lanes of attempts that run here, for the few that are released. */
  readonly #running = new Map<number, Lane & { attempt: number }>();
  #parts: (RingParts & { replies: RingReplies; notifier: Notifier }) | undefined;
  #receiver: RingReceiver | undefined;
  #permission: ClaimPermission = 'open';
  #forwardedAt = Number.NEGATIVE_INFINITY;
  #problem = false;

  private constructor(context: Context, socket: RingSocket | undefined) {
    const { host } = context.config.worker.ring;
    this.#context = context;
    this.#socket = socket;
    this.#token = randomBytes(16);
    const token = this.#token.toString('hex');
    this.published =
      socket === undefined
        ? { address: undefined, port: 0, token: undefined }
        : { address: host ?? socket.address, port: socket.port, token };
  }

  /**
   * Opens the port, if the configuration wants one. `localAddress`: this end of the socket to the database, undefined
   * on a Unix socket. An address that cannot be bound is reported, and this worker polls.
   */
  static async open(context: Context, localAddress: string | undefined): Promise<WorkerRing> {
    const { enabled, host, port } = context.config.worker.ring;
    if (!enabled) return new WorkerRing(context, undefined);
    const address = host ?? localAddress ?? '127.0.0.1';
    try {
      return new WorkerRing(context, await bind(address, port, host !== undefined));
    } catch (error) {
      const why = (error as Error).message;
      const message = `The UDP port for rings could not be opened (${why}): this worker finds tasks by polling only.`;
      context.events.emit('warning', { message });
      return new WorkerRing(context, undefined);
    }
  }

  attach(parts: RingParts): void {
    const { session, catalog } = parts;
    const { names, config, events } = this.#context;
    const reads = new LaneReads(({ lane, claim_rank }) => laneOfRank(session, names, lane, claim_rank));
    const attempts = new RingReplies({
      taskTypes: parts.taskTypes,
      believeDue: (laneRank) => catalog.ring(laneRank),
      known: (lane) => catalog.lane(lane),
      learn: (lane) => catalog.learn([lane], true),
      // The connection is lost, and so is a hint.
      read: (laneRank) => reads.of(laneRank).catch(() => undefined),
      wake: parts.wake,
      slots: () => this.#slots(),
      onProblem: (error) => this.#onProblem(error),
    });
    const sender = openRingSender(config, session.facts.localAddress, {
      socket: this.#socket,
      self: { device_id: parts.deviceId, ring: (work) => attempts.claim(work) },
      onSwitch: (on) => events.emit('ring:switched', { on }),
      onProblem: (error) => this.#onProblem(error),
    });
    this.#parts = { ...parts, replies: attempts, notifier: new Notifier(sender, names) };
    if (this.#socket === undefined) return;
    this.#receiver = new RingReceiver({
      socket: this.#socket,
      token: this.#token,
      claim: (ring) => attempts.claim(ring),
      note: (ring) => attempts.hint(ring),
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
    const { replies: attempts, runner } = this.#parts;
    const hops = attempts.onExchange({ began, asked, claimed: claimed.length });
    for (const one of claimed) this.#running.set(one.id, runningLane(one));
    const last = claimed.at(-1);
    if (last === undefined || claimed.length < asked || runner.room() > 0) return;
    const now = monotonic();
    if (hops >= MOST_HOPS || (hops === 0 && now - this.#forwardedAt < FORWARD_EVERY_MS)) return;
    this.#forwardedAt = now;
    this.#passOn({ ...laneOf(last), n: 1, hops: hops + 1 });
  }

  /** An end is written: other devices may run what it enqueued or released. */
  onReconciled(result: Reconciled): void {
    const finish = result.kind === 'accepted' ? result.end.finish : result.finish;
    const claimed = finish.outcome.kind === 'released' ? this.#forget(finish) : undefined;
    if (result.kind !== 'accepted' || this.#parts === undefined) return;
    const { notifier, session } = this.#parts;
    const { outcome } = finish;
    const { task_status, due_in_s = 0 } = result.end;
    if (outcome.kind === 'done' && outcome.enqueue.length > 0) {
      // The connection is lost, and so is a hint.
      notifier.notify(session, outcome.enqueue).catch(() => {});
    } else if (claimed !== undefined && outcome.kind === 'released' && task_status === 'pending' && due_in_s === 0) {
      this.#passOn({ ...laneOf(claimed), n: 1 });
    }
  }

  /** Rings under way are waited for (30 ms at most), then the port is closed. */
  async close(): Promise<void> {
    await this.#receiver?.stop();
    await this.sender?.close();
    this.#socket?.close();
  }

  /** An attempt is over. Only a released one is remembered until its end is written: a lost one has no outcome. */
  onFinish({ task_id, attempt, outcome }: Finish, lost: boolean): void {
    if (lost || outcome.kind !== 'released') this.#forget({ task_id, attempt });
  }

  /** Attempts whose lane is remembered. */
  get remembered(): number {
    return this.#running.size;
  }

  /** A later attempt of the same task may run here by now: its lane stays. */
  #forget({ task_id, attempt }: Pick<Finish, 'task_id' | 'attempt'>): Lane | undefined {
    const running = this.#running.get(task_id);
    if (running?.attempt !== attempt) return undefined;
    this.#running.delete(task_id);
    return running;
  }

  #onProblem(error: unknown): void {
    if (this.#problem) return;
    this.#problem = true;
    const message = `A ring could not be processed (${thrownText(error)}): its task starts at the next poll. Further errors of this kind are not logged.`;
    this.#context.events.emit('warning', { message });
  }

  #passOn(work: RingWork): void {
    const { notifier, session } = this.#parts!;
    notifier.refresh(session).then(
      () => notifier.ringSender.passOn(work),
      () => {},
    );
  }

  #slots() {
    const { runner, accepting } = this.#parts!;
    const free = accepting() && this.#permission === 'open' ? runner.room() : 0;
    return { running: runner.occupied, free };
  }
}

/** The address is this machine's, or (where the user names one) that of a host around this container. */
async function bind(address: string, port: number, named: boolean): Promise<RingSocket> {
  try {
    return await RingSocket.bind(address, port);
  } catch (error) {
    if (!named || (error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
    return RingSocket.bind(address.includes(':') ? '::' : '0.0.0.0', port);
  }
}

/** The lane columns of a claimed row, without its payload. */
type Lane = Pick<ClaimedTask, 'task_type' | 'required_capabilities' | 'claim_rank' | 'priority'>;

function runningLane({ task_type, required_capabilities, claim_rank, priority, attempt }: ClaimedTask) {
  return { task_type, required_capabilities, claim_rank, priority, attempt: attempt + 1 };
}

function laneOf(row: Lane): Omit<RingWork, 'n'> {
  const { task_type, required_capabilities: text, claim_rank } = row;
  const required_capabilities = requirementsOf(text).requires;
  return {
    lane: laneKey(task_type, text),
    claim_rank: claim_rank ?? claimRank(row.priority),
    task_type,
    required_capabilities,
  };
}
