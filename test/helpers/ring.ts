// What tests about rings need: a ringer as a command has one, and a port that says what it hears.
import type { Context } from '../../src/core/context.ts';
import { decode, encodeReply, type Reply, type Ring } from '../../src/core/ring/datagram.ts';
import { RingSocket, type Sender } from '../../src/core/ring/ring-socket.ts';
import type { TestDatabase } from './database.ts';
import { testContext } from './node.ts';
import { until } from './wait.ts';

/** A context as a command has it, so that its producer rings. Close it. */
export function producing(db: TestDatabase): Context {
  return testContext(db);
}

export interface Ear {
  port: number;
  heard: Array<Ring | Reply>;
  /** Every datagram, also what is none of ours. */
  bytes: Buffer[];
  send(bytes: Buffer, port: number): void;
  /** The first that fits, past or future. */
  next(kind: 'ring'): Promise<Ring>;
  next(kind: Reply['kind']): Promise<Reply>;
  close(): void;
}

/** A UDP port on loopback. `answer`: what it says to a ring; nothing = it is deaf. */
export async function ear(answer?: (ring: Ring) => Omit<Reply, 'kind' | 'sequence'>): Promise<Ear> {
  const socket = await RingSocket.bind('127.0.0.1', 0);
  const heard: Ear['heard'] = [];
  const bytes: Buffer[] = [];
  socket.onDatagram((raw: Buffer, from: Sender) => {
    bytes.push(Buffer.from(raw));
    const got = decode(raw);
    if (got === undefined) return;
    heard.push(got);
    if (got.kind === 'ring' && answer !== undefined)
      socket.send(encodeReply({ kind: 'answer', sequence: got.sequence, ...answer(got) }), from);
  });
  return {
    port: socket.port,
    heard,
    bytes,
    send: (raw, port) => socket.send(raw, { address: '127.0.0.1', port }),
    next: (kind) => until(() => heard.find((one) => one.kind === kind) as never, 10_000, `a ${kind}`),
    close: () => socket.close(),
  };
}
