// What goes over the wire: datagrams of two fixed sizes, big-endian. Pure. Each ends with a code (HMAC-SHA256, RFC
// 2104, cut to 16 bytes) under the token of the device that is rung: a sender or a replier must know the token, which
// is never sent. An answer is shorter than its question, so a forged sender address gains an attacker nothing; what
// does not decode is ignored.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** "There is work for you": to one device. */
export interface Ring {
  kind: 'ring';
  /** 8 bytes that the device sent to this address lately; zeros = the sender has none, and will get a challenge. */
  cookie: Buffer;
  /** 8 random bytes: what an answer repeats. The device takes each of them once. */
  sequence: Buffer;
  /** Tasks directed at the device, and not those of a lane. */
  directed: boolean;
  /** 16 bytes; zeros when directed. */
  lane: Buffer;
  claim_rank: number;
  /** Tasks that the sender has in mind for this device. A hint. */
  n: number;
  /** How often the ring was passed on. */
  hops: number;
}

/**
 * `answer`: after the claim that a ring caused. `state`: unasked, to who rang lately, when the figures changed. `challenge`: the
 * ring had no cookie that counts, and is to be sent again with this one; its figures are 0.
 */
export interface Reply {
  kind: 'answer' | 'state' | 'challenge';
  sequence: Buffer;
  /** For the next ring from the address to which this goes. */
  cookie: Buffer;
  claimed: number;
  /** Slots in use, and free ones that may be filled (0 = it does not claim now). */
  running: number;
  free: number;
}

const CODE_BYTES = 16;
export const RING_BYTES = 40 + CODE_BYTES;
export const REPLY_BYTES = 26 + CODE_BYTES;
export const COOKIE_BYTES = 8;
export const NO_COOKIE = Buffer.alloc(COOKIE_BYTES);
/** Two bytes that say whose datagram it is, then the version. */
const MAGIC = 0xafd1;
const VERSION = 2;
const KINDS = ['ring', 'answer', 'state', 'challenge'] as const;
const MOST = 0xffff;
/** Largest value of the column claim_rank. */
const LAST_RANK = 10;

/** `token`: that of the device that is rung. */
export function encodeRing(ring: Omit<Ring, 'kind'>, token: Buffer): Buffer {
  const bytes = Buffer.alloc(RING_BYTES);
  head(bytes, 'ring');
  ring.cookie.copy(bytes, 4, 0, COOKIE_BYTES);
  ring.sequence.copy(bytes, 12, 0, 8);
  ring.lane.copy(bytes, 20, 0, 16);
  bytes.writeUInt8(clamp(ring.claim_rank, 0x7f) | (ring.directed ? 0x80 : 0), 36);
  bytes.writeUInt8(clamp(ring.hops, 0xff), 37);
  bytes.writeUInt16BE(clamp(ring.n, MOST), 38);
  return sign(bytes, token);
}

/** `token`: that of the device that answers. */
export function encodeReply(reply: Reply, token: Buffer): Buffer {
  const bytes = Buffer.alloc(REPLY_BYTES);
  head(bytes, reply.kind);
  reply.sequence.copy(bytes, 4, 0, 8);
  bytes.writeUInt16BE(clamp(reply.claimed, MOST), 12);
  bytes.writeUInt16BE(clamp(reply.running, MOST), 14);
  bytes.writeUInt16BE(clamp(reply.free, MOST), 16);
  reply.cookie.copy(bytes, 18, 0, COOKIE_BYTES);
  return sign(bytes, token);
}

/** What a datagram says, whatever wrote it (`isSigned`). Undefined = it is not a datagram of this version. Never throws. */
export function decode(bytes: Buffer): Ring | Reply | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== MAGIC || bytes.readUInt8(2) !== VERSION) return undefined;
  const kind = KINDS[bytes.readUInt8(3)];
  if (kind === undefined || bytes.length !== (kind === 'ring' ? RING_BYTES : REPLY_BYTES)) return undefined;
  if (kind !== 'ring') {
    const [claimed, running, free] = [12, 14, 16].map((at) => bytes.readUInt16BE(at)) as [number, number, number];
    return { kind, sequence: copy(bytes, 4, 8), cookie: copy(bytes, 18, COOKIE_BYTES), claimed, running, free };
  }
  const rank = bytes.readUInt8(36);
  // No task has such a rank, so no device of the fleet rings for it.
  if ((rank & 0x7f) > LAST_RANK) return undefined;
  return {
    kind,
    cookie: copy(bytes, 4, COOKIE_BYTES),
    sequence: copy(bytes, 12, 8),
    directed: (rank & 0x80) !== 0,
    lane: copy(bytes, 20, 16),
    claim_rank: rank & 0x7f,
    n: bytes.readUInt16BE(38),
    hops: bytes.readUInt8(37),
  };
}

/** Whether the writer of a datagram that decodes knew this token. */
export function isSigned(bytes: Buffer, token: Buffer): boolean {
  const end = bytes.length - CODE_BYTES;
  return timingSafeEqual(bytes.subarray(end), codeOf(bytes.subarray(0, end), token));
}

/** The first bytes of a datagram's, or a cookie's, code. */
export function codeOf(bytes: Buffer | string, key: Buffer, length = CODE_BYTES): Buffer {
  return createHmac('sha256', key).update(bytes).digest().subarray(0, length);
}

function sign(bytes: Buffer, token: Buffer): Buffer {
  const end = bytes.length - CODE_BYTES;
  codeOf(bytes.subarray(0, end), token).copy(bytes, end);
  return bytes;
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
