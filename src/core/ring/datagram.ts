// What goes over the wire: three datagrams of fixed size, big-endian. Pure. An answer is shorter than its question, so a
// forged sender address gains an attacker nothing; whatever does not decode is nobody's.

/** "There is work for you": to one device, which proves itself a member of the fleet by the token it published. */
export interface Ring {
  kind: 'ring';
  /** 16 bytes; of the device that is rung. */
  token: Buffer;
  /** 8 random bytes: what an answer repeats. Nobody can guess it, so it proves who answers. */
  sequence: Buffer;
  /** Tasks directed at the device, and not those of a lane. */
  directed: boolean;
  /** 16 bytes; zeros when directed. */
  lane: Buffer;
  claim_rank: number;
  /** Tasks that the ringer has in mind for this device. A hint. */
  n: number;
  /** How often the ring was passed on. */
  hops: number;
}

/** `answer`: after the claim that a ring caused. `state`: unasked, to who rang lately, when the figures changed. */
export interface Reply {
  kind: 'answer' | 'state';
  sequence: Buffer;
  claimed: number;
  /** Slots in use, and free ones that may be filled (0 = it does not claim now). */
  running: number;
  free: number;
}

export const RING_BYTES = 48;
export const REPLY_BYTES = 18;
/** Two bytes that say whose datagram it is, then the version. */
const MAGIC = 0xafd1;
const VERSION = 1;
const KINDS = ['ring', 'answer', 'state'] as const;
const MOST = 0xffff;
/** Of the column claim_rank. */
const LAST_RANK = 10;

export function encodeRing(ring: Omit<Ring, 'kind'>): Buffer {
  const bytes = Buffer.alloc(RING_BYTES);
  head(bytes, 'ring');
  ring.token.copy(bytes, 4, 0, 16);
  ring.sequence.copy(bytes, 20, 0, 8);
  ring.lane.copy(bytes, 28, 0, 16);
  bytes.writeUInt8(clamp(ring.claim_rank, 0x7f) | (ring.directed ? 0x80 : 0), 44);
  bytes.writeUInt8(clamp(ring.hops, 0xff), 45);
  bytes.writeUInt16BE(clamp(ring.n, MOST), 46);
  return bytes;
}

export function encodeReply(reply: Reply): Buffer {
  const bytes = Buffer.alloc(REPLY_BYTES);
  head(bytes, reply.kind);
  reply.sequence.copy(bytes, 4, 0, 8);
  bytes.writeUInt16BE(clamp(reply.claimed, MOST), 12);
  bytes.writeUInt16BE(clamp(reply.running, MOST), 14);
  bytes.writeUInt16BE(clamp(reply.free, MOST), 16);
  return bytes;
}

/** Undefined = it is not a datagram of this version. Never throws. */
export function decode(bytes: Buffer): Ring | Reply | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== MAGIC || bytes.readUInt8(2) !== VERSION) return undefined;
  const kind = KINDS[bytes.readUInt8(3)];
  if (kind === undefined || bytes.length !== (kind === 'ring' ? RING_BYTES : REPLY_BYTES)) return undefined;
  if (kind !== 'ring') {
    const [claimed, running, free] = [12, 14, 16].map((at) => bytes.readUInt16BE(at)) as [number, number, number];
    return { kind, sequence: copy(bytes, 4, 8), claimed, running, free };
  }
  const rank = bytes.readUInt8(44);
  // No task has such a rank, so nobody of the fleet rings for it.
  if ((rank & 0x7f) > LAST_RANK) return undefined;
  return {
    kind,
    token: copy(bytes, 4, 16),
    sequence: copy(bytes, 20, 8),
    directed: (rank & 0x80) !== 0,
    lane: copy(bytes, 28, 16),
    claim_rank: rank & 0x7f,
    n: bytes.readUInt16BE(46),
    hops: bytes.readUInt8(45),
  };
}

function head(bytes: Buffer, kind: (typeof KINDS)[number]): void {
  bytes.writeUInt16BE(MAGIC, 0);
  bytes.writeUInt8(VERSION, 2);
  bytes.writeUInt8(KINDS.indexOf(kind), 3);
}

/** The receiver's buffer is used again. */
function copy(bytes: Buffer, at: number, length: number): Buffer {
  return Buffer.from(bytes.subarray(at, at + length));
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, Math.round(value)));
}
