// The listening end: a worker's one port. Checks, limits, asks the worker, answers. Whoever does not know the token of
// this very process gets no answer at all.
import { timingSafeEqual } from 'node:crypto';
import { monotonic } from '../clock.ts';
import { decode, encodeReply, type Reply, type Ring } from './datagram.ts';
import { MOST_PER_SECOND } from './fleet-view.ts';
import type { RingSocket, Sender } from './ring-socket.ts';

export type Figures = Pick<Reply, 'claimed' | 'running' | 'free'>;

export interface BellOptions {
  socket: RingSocket;
  /** 16 bytes, published in af_device. */
  token: Buffer;
  /** Causes a claim; settles with what it brought, after a bounded time. Never rejects. */
  claim(ring: Ring): Promise<Figures>;
  /** Takes the hint and claims nothing by itself: too many rings came. */
  note(ring: Ring): void;
  figures(): Omit<Figures, 'claimed'>;
}

/** Who rang is told of changes for so long. */
const REMEMBER_MS = 5000;
/** States go out at most so often. */
const STATE_EVERY_MS = 100;
/** Ringers that are told of changes. */
const MOST_RINGERS = 1000;
/** Rings that wait for their claim, while the database answers late; more are dropped, and the polls carry on. */
export const MOST_IN_FLIGHT = 100;

interface Ringing {
  to: Sender;
  /** Of its last ring. */
  sequence: Buffer;
  at: number;
  /** What it was told last. */
  told: string;
}

export class Bell {
  readonly #o: BellOptions;
  readonly #ringers = new Map<string, Ringing>();
  readonly #rungAt: number[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;
  #telling: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  #closed = false;
  #inFlight = 0;

  constructor(options: BellOptions) {
    this.#o = options;
    options.socket.onDatagram((bytes, from) => void this.#hear(bytes, from));
  }

  /** Slots were taken or freed: tells those who rang lately. */
  changed(): void {
    if (this.#ringers.size === 0 || this.#telling !== undefined || this.#closed) return;
    const wait = this.#toldAt + STATE_EVERY_MS - monotonic();
    this.#telling = setTimeout(() => this.#tell(), Math.max(0, wait));
    this.#telling.unref();
  }

  /** No more answers; the socket is the caller's. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#telling);
    clearTimeout(this.#later);
  }

  async #hear(bytes: Buffer, from: Sender): Promise<void> {
    const ring = decode(bytes);
    if (ring?.kind !== 'ring' || this.#closed) return;
    if (!timingSafeEqual(ring.token, this.#o.token)) return;
    if (this.#inFlight >= MOST_IN_FLIGHT) return;
    const ringing = this.#remember(ring, from);
    const figures = this.#allowed() ? await this.#claim(ring) : this.#noted(ring);
    if (this.#closed) return;
    ringing.told = stateOf(figures);
    this.#o.socket.send(encodeReply({ kind: 'answer', sequence: ring.sequence, ...figures }), from);
  }

  async #claim(ring: Ring): Promise<Figures> {
    this.#inFlight += 1;
    try {
      return await this.#o.claim(ring);
    } finally {
      this.#inFlight -= 1;
    }
  }

  /** Too many: the hint is kept, and a claim follows as soon as one is allowed again. */
  #noted(ring: Ring): Figures {
    this.#o.note(ring);
    if (this.#later === undefined) this.#claimLater(ring);
    return { claimed: 0, ...this.#o.figures() };
  }

  #claimLater(ring: Ring): void {
    const wait = (this.#rungAt[0] ?? 0) + 1000 - monotonic();
    this.#later = setTimeout(
      () => {
        this.#later = undefined;
        if (this.#closed) return;
        if (this.#inFlight < MOST_IN_FLIGHT && this.#allowed()) void this.#claim(ring);
        else this.#claimLater(ring);
      },
      Math.max(1, Math.ceil(wait)),
    );
    this.#later.unref();
  }

  #allowed(): boolean {
    const now = monotonic();
    while (this.#rungAt.length > 0 && now - this.#rungAt[0]! >= 1000) this.#rungAt.shift();
    if (this.#rungAt.length >= MOST_PER_SECOND) return false;
    this.#rungAt.push(now);
    return true;
  }

  #remember({ sequence }: Ring, to: Sender): Ringing {
    const key = `${to.address}|${to.port}`;
    const ringing = { to, sequence, at: monotonic(), told: this.#ringers.get(key)?.told ?? '' };
    this.#ringers.delete(key);
    this.#ringers.set(key, ringing);
    for (const oldest of this.#ringers.keys()) {
      if (this.#ringers.size <= MOST_RINGERS) break;
      this.#ringers.delete(oldest);
    }
    return ringing;
  }

  #tell(): void {
    this.#telling = undefined;
    const now = monotonic();
    for (const [key, { at }] of this.#ringers) if (now - at > REMEMBER_MS) this.#ringers.delete(key);
    const figures = this.#o.figures();
    const state = stateOf(figures);
    for (const ringing of this.#ringers.values()) {
      if (ringing.told === state) continue;
      ringing.told = state;
      this.#toldAt = now;
      const { sequence, to } = ringing;
      this.#o.socket.send(encodeReply({ kind: 'state', sequence, claimed: 0, ...figures }), to);
    }
  }
}

function stateOf({ running, free }: Omit<Figures, 'claimed'>): string {
  return `${running}/${free}`;
}
