// What tests about rings need: a sender as a command has one, and a port that says what it hears.
import { randomBytes } from 'node:crypto';
import type { Context } from '../../src/core/context/context.ts';
import { decode, encodeReply, encodeRing, NO_COOKIE, type Reply, type Ring } from '../../src/core/ring/datagram.ts';
import { RingSocket, type Sender } from '../../src/core/ring/ring-socket.ts';
import type { TestDatabase } from './database.ts';
import { testContext } from './node.ts';
import { until } from './wait.ts';

/** A context as a command has it, so that its producer rings. Close it. */
export function producing(db: TestDatabase): Context {
  return testContext(db);
}

/** Of every ear that stands for a device. */
export const EAR_TOKEN = randomBytes(16);

/** What a ring asks for. */
export type Asked = Partial<Omit<Ring, 'kind' | 'cookie'>> & Pick<Ring, 'lane'>;

export interface Ear {
  port: number;
  heard: Array<Ring | Reply>;
  /** Every datagram, also what is none of ours. */
  bytes: Buffer[];
  send(bytes: Buffer, port: number): void;
  /** As a sender does: without a cookie if it has none, and again after a challenge. Settles with its sequence when both are sent. */
  ring(asked: Asked, token: Buffer, port: number): Promise<Buffer>;
  /** The first that fits, past or future. */
  next(kind: 'ring'): Promise<Ring>;
  next(kind: Reply['kind']): Promise<Reply>;
  close(): void;
}

/** A UDP port on loopback. `answer`: what it says to a ring; nothing = it is deaf. */
export async function ear(answer?: (ring: Ring) => Omit<Reply, 'kind' | 'sequence' | 'cookie'>): Promise<Ear> {
  const socket = await RingSocket.bind('127.0.0.1', 0);
  const heard: Ear['heard'] = [];
  const bytes: Buffer[] = [];
  const cookies = new Map<number, Buffer>();
  const onChallenge = new Map<string, () => void>();
  socket.onDatagram((raw: Buffer, from: Sender) => {
    bytes.push(Buffer.from(raw));
    const got = decode(raw);
    if (got === undefined) return;
    heard.push(got);
    if (got.kind === 'ring') {
      if (answer === undefined) return;
      const reply: Reply = { kind: 'answer', sequence: got.sequence, cookie: NO_COOKIE, ...answer(got) };
      socket.send(encodeReply(reply, EAR_TOKEN), from);
      return;
    }
    cookies.set(from.port, got.cookie);
    if (got.kind === 'challenge') onChallenge.get(got.sequence.toString('hex'))?.();
  });
  return {
    port: socket.port,
    heard,
    bytes,
    send: (raw, port) => socket.send(raw, { address: '127.0.0.1', port }),
    ring: async (asked, itsToken, port) => {
      const ring = { sequence: randomBytes(8), directed: false, claim_rank: 5, n: 1, hops: 0, ...asked };
      const send = (cookie: Buffer) =>
        socket.send(encodeRing({ ...ring, cookie }, itsToken), { address: '127.0.0.1', port });
      const cookie = cookies.get(port);
      const challenged = new Promise<void>((resolve) => onChallenge.set(ring.sequence.toString('hex'), resolve));
      send(cookie ?? NO_COOKIE);
      if (cookie !== undefined) return ring.sequence;
      await challenged;
      send(cookies.get(port)!);
      return ring.sequence;
    },
    next: (kind) => until(() => heard.find((one) => one.kind === kind) as never, 10_000, `a ${kind}`),
    close: () => socket.close(),
  };
}
