// The listening end: a worker's one port. Checks, limits, asks the worker, answers. A sender that does not know the
// token of this very process gets no answer at all, and one that does not receive where it says to be gets no more than
// a challenge.
import { monotonic } from '../runtime/clock.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import { Cookies } from './cookies.ts';
import { decode, encodeReply, isSigned, type Reply, type Ring } from './datagram.ts';
import { MOST_PER_SECOND } from './fleet-view.ts';
import { PerSecond } from './per-second.ts';
import type { RingSocket, Sender } from './ring-socket.ts';

export type Figures = Pick<Reply, 'claimed' | 'running' | 'free'>;

export interface RingReceiverOptions {
  /** The caller closes it, when the receiver has stopped. */
  socket: RingSocket;
  /** 16 bytes, published in af_device. */
  token: Buffer;
  /** Causes a claim; settles with what it brought, after a bounded time. Never rejects. */
  claim(ring: Ring): Promise<Figures>;
  /** Takes the hint and claims nothing by itself: too many rings came. */
  note(ring: Ring): void;
  figures(): Omit<Figures, 'claimed'>;
  /** Rings that cause claims within any second; of more the hint is kept. Default: what one device may get. */
  perSecond?: number;
}

/** How long a sender gets state changes after its last ring. */
const REMEMBER_MS = 5000;
/** Shortest time between two states. */
const STATE_EVERY_MS = 100;
/** Senders that get state changes. */
const MOST_SENDERS = 1000;
/** To rings of addresses that have not proved themselves; of more no notice is taken. */
export const CHALLENGES_PER_SECOND = 200;
/** Rings that wait for their claim, while the database answers late; more are dropped, and the polls carry on. */
export const MOST_IN_FLIGHT = 100;

interface Ringing {
  to: Sender;
  /** Sequence of its last ring. */
  sequence: Buffer;
  at: number;
  /** What was sent to it last. */
  told: string;
}

/** Listens while it runs. Its stop waits for the claims under way. */
export class RingReceiver extends Service {
  readonly #o: RingReceiverOptions;
  readonly #senders = new Map<string, Ringing>();
  readonly #cookies = new Cookies();
  readonly #rate: PerSecond;
  readonly #challenges = new PerSecond(CHALLENGES_PER_SECOND);
  #toldAt = Number.NEGATIVE_INFINITY;
  #telling: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  #listening = false;
  readonly #inFlight = new Set<Promise<unknown>>();

  constructor(options: RingReceiverOptions) {
    super();
    this.#o = options;
    this.#rate = new PerSecond(options.perSecond ?? MOST_PER_SECOND);
  }

  /** Slots were taken or freed: tells those who rang lately. */
  changed(): void {
    if (this.#senders.size === 0 || this.#telling !== undefined || !this.#listening) return;
    const wait = this.#toldAt + STATE_EVERY_MS - monotonic();
    this.#telling = setTimeout(() => this.#tell(), Math.max(0, wait));
    this.#telling.unref();
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const leave = this.#o.socket.onDatagram((bytes, from) => void this.#hear(bytes, from));
    this.#listening = true;
    running();
    await untilAborted(signal);
    leave();
    this.#listening = false;
    clearTimeout(this.#telling);
    clearTimeout(this.#later);
    await Promise.all(this.#inFlight);
  }

  async #hear(bytes: Buffer, from: Sender): Promise<void> {
    const ring = decode(bytes);
    if (ring?.kind !== 'ring' || !this.#listening) return;
    if (!isSigned(bytes, this.#o.token) || this.#inFlight.size >= MOST_IN_FLIGHT) return;
    const taken = this.#cookies.take(ring, from);
    if (taken === 'again') return;
    if (taken === 'unproved') {
      const nothing = { claimed: 0, running: 0, free: 0 };
      if (this.#challenges.take()) this.#send('challenge', ring.sequence, nothing, from);
      return;
    }
    // A device that passed a ring on knows the others by their rows: told of every change by each other, a fleet would send nothing else.
    const ringing = ring.hops > 0 ? undefined : this.#remember(ring, from);
    const figures = this.#rate.take() ? await this.#claim(ring) : this.#noted(ring);
    if (!this.#listening) return;
    if (ringing !== undefined) ringing.told = stateOf(figures);
    this.#send('answer', ring.sequence, figures, from);
  }

  #send(kind: Reply['kind'], sequence: Buffer, figures: Figures, to: Sender): void {
    const reply = { kind, sequence, cookie: this.#cookies.issue(to), ...figures };
    this.#o.socket.send(encodeReply(reply, this.#o.token), to);
  }

  async #claim(ring: Ring): Promise<Figures> {
    const claim = this.#o.claim(ring);
    this.#inFlight.add(claim);
    try {
      return await claim;
    } finally {
      this.#inFlight.delete(claim);
    }
  }

  /** Too many: the hint is kept, and a claim follows as soon as one is allowed again. */
  #noted(ring: Ring): Figures {
    this.#o.note(ring);
    if (this.#later === undefined) this.#claimLater(ring);
    return { claimed: 0, ...this.#o.figures() };
  }

  #claimLater(ring: Ring): void {
    this.#later = setTimeout(
      () => {
        this.#later = undefined;
        if (!this.#listening) return;
        if (this.#inFlight.size < MOST_IN_FLIGHT && this.#rate.take()) void this.#claim(ring);
        else this.#claimLater(ring);
      },
      Math.max(1, Math.ceil(this.#rate.waitMs)),
    );
    this.#later.unref();
  }

  #remember({ sequence }: Ring, to: Sender): Ringing {
    const key = `${to.address}|${to.port}`;
    const ringing = { to, sequence, at: monotonic(), told: this.#senders.get(key)?.told ?? '' };
    this.#senders.delete(key);
    this.#senders.set(key, ringing);
    for (const oldest of this.#senders.keys()) {
      if (this.#senders.size <= MOST_SENDERS) break;
      this.#senders.delete(oldest);
    }
    return ringing;
  }

  #tell(): void {
    this.#telling = undefined;
    const now = monotonic();
    for (const [key, { at }] of this.#senders) if (now - at > REMEMBER_MS) this.#senders.delete(key);
    const figures = this.#o.figures();
    const state = stateOf(figures);
    for (const ringing of this.#senders.values()) {
      if (ringing.told === state) continue;
      ringing.told = state;
      this.#toldAt = now;
      const { sequence, to } = ringing;
      this.#send('state', sequence, { claimed: 0, ...figures }, to);
    }
  }
}

function stateOf({ running, free }: Omit<Figures, 'claimed'>): string {
  return `${running}/${free}`;
}
