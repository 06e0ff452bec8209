// Rings that a process has sent, and what comes back for each: a challenge, which sends it once more, an answer, states.
import { randomBytes } from 'node:crypto';
import { monotonic } from '../runtime/clock.ts';
import { decode, encodeRing, isSigned, NO_COOKIE, type Reply, type Ring } from './datagram.ts';

/** How long answers and states are matched to their ring. */
const REMEMBER_MS = 6000;

interface Sent {
  device_id: string;
  token: Buffer;
  at: number;
  /** Undefined = nothing waits for it any more. */
  answer: ((reply: Reply) => void) | undefined;
  /**
   * Sends it once more, with the cookie of a challenge, also when nothing waits any more: it is a hint all the same.
   * Undefined = done.
   */
  again: ((cookie: Buffer) => void) | undefined;
}

export interface Sending {
  device_id: string;
  /** Instance token of the device. */
  token: Buffer;
  /** What the device sent for this ring; undefined = nothing yet. */
  cookie: Buffer | undefined;
  ring: Pick<Ring, 'directed' | 'lane' | 'claim_rank' | 'n' | 'hops'>;
  /** How long an answer is waited for; after a challenge as long again. */
  waitMs: number;
  write(bytes: Buffer): void;
}

export class SentRings {
  readonly #sent = new Map<string, Sent>();
  /** Those whose device has said nothing yet. */
  readonly #unheard = new Set<Sent>();
  #onHeard: (() => void) | undefined;
  readonly #onReply: (deviceId: string, reply: Reply) => void;

  /** `onReply`: whatever a device says to a ring of the last 6 s, if the device wrote it. */
  constructor(onReply: (deviceId: string, reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** The answer, or undefined when none came in time. Never rejects. */
  send({ device_id, token, cookie, ring, waitMs, write }: Sending): Promise<Reply | undefined> {
    this.#forget();
    const sequence = randomBytes(8);
    const send = (proof: Buffer) => write(encodeRing({ ...ring, cookie: proof, sequence }, token));
    return new Promise((resolve) => {
      const end = (reply?: Reply) => {
        clearTimeout(timer);
        sent.answer = undefined;
        resolve(reply);
      };
      let timer = setTimeout(end, waitMs);
      const again = (proof: Buffer) => {
        sent.again = undefined;
        clearTimeout(timer);
        if (sent.answer !== undefined) timer = setTimeout(end, waitMs);
        send(proof);
      };
      const sent: Sent = { device_id, token, at: monotonic(), answer: end, again };
      this.#sent.set(sequence.toString('hex'), sent);
      this.#unheard.add(sent);
      send(cookie ?? NO_COOKIE);
    });
  }

  /**
   * A datagram that came to one of our sockets; one that answers no ring of ours, or was not written by its device, is
   * ignored.
   */
  hear(bytes: Buffer): void {
    const reply = decode(bytes);
    if (reply === undefined || reply.kind === 'ring') return;
    const sent = this.#sent.get(reply.sequence.toString('hex'));
    if (sent === undefined || !isSigned(bytes, sent.token)) return;
    this.#onReply(sent.device_id, reply);
    if (reply.kind === 'challenge') sent.again?.(reply.cookie);
    if (reply.kind === 'answer') sent.answer?.(reply);
    this.#unheard.delete(sent);
    this.#onHeard?.();
  }

  /** Until each ring has had an answer or a challenge, so that it is not lost with its process; `ms` at most. */
  async heard(ms: number): Promise<void> {
    if (this.#unheard.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onHeard = () => {
        if (this.#unheard.size > 0) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #forget(): void {
    const now = monotonic();
    for (const [sequence, sent] of this.#sent) {
      if (now - sent.at < REMEMBER_MS) break;
      this.#sent.delete(sequence);
      this.#unheard.delete(sent);
    }
  }
}
