import { randomBytes, randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  decode,
  encodeReply,
  encodeRing,
  isSigned,
  REPLY_BYTES,
  RING_BYTES,
} from '../../../../src/core/ring/datagram.ts';

const token = randomBytes(16);
const figure = () => randomInt(0x10000);
const ring = () => ({
  ...{ cookie: randomBytes(8), sequence: randomBytes(8), lane: randomBytes(16) },
  ...{ directed: randomInt(2) === 1, claim_rank: randomInt(11), n: figure(), hops: randomInt(0x100) },
});
const reply = () => ({
  kind: (['answer', 'state', 'challenge'] as const)[randomInt(3)]!,
  ...{ sequence: randomBytes(8), cookie: randomBytes(8), claimed: figure(), running: figure(), free: figure() },
});
const BOTH = [encodeRing(ring(), token), encodeReply(reply(), token)];

describe('datagrams', () => {
  it('say the same after the wire, also when the receiver uses its buffer again', () => {
    for (let n = 0; n < 500; n += 1) {
      const [asked, told] = [ring(), reply()];
      const bytes = encodeRing(asked, token);
      const heard = decode(bytes);
      bytes.fill(0);
      expect(heard).toEqual({ kind: 'ring', ...asked });
      expect(decode(encodeReply(told, token))).toEqual(told);
    }
  });

  it('have fixed sizes, and an answer is shorter than its question', () => {
    expect(BOTH.map((one) => one.length)).toEqual([RING_BYTES, REPLY_BYTES]);
    expect(REPLY_BYTES).toBeLessThan(RING_BYTES);
  });

  it('keep figures that are too large within their fields', () => {
    const told = decode(encodeReply({ ...reply(), claimed: 1e9, running: -4, free: 2.6 }, token));
    expect(told).toMatchObject({ claimed: 0xffff, running: 0, free: 3 });
  });

  it('are nothing when cut, lengthened, or of another version or kind', () => {
    for (const whole of BOTH) {
      for (let at = 0; at < whole.length; at += 1) expect(decode(whole.subarray(0, at))).toBeUndefined();
      expect(decode(Buffer.concat([whole, Buffer.of(0)]))).toBeUndefined();
      for (const at of [0, 1, 2, 3]) {
        const other = Buffer.from(whole);
        other[at] = 0x7e;
        expect(decode(other)).toBeUndefined();
      }
    }
  });

  it('finding S6: are nothing with a rank that no task has', () => {
    const ranks = Array.from({ length: 0x80 }, (_, claim_rank) => claim_rank);
    const heard = ranks.filter((claim_rank) => decode(encodeRing({ ...ring(), claim_rank }, token)) !== undefined);
    expect(heard).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('finding S6: prove that their writer knew the token, which is not in them, bit for bit', () => {
    for (const whole of BOTH) {
      expect([isSigned(whole, token), isSigned(whole, randomBytes(16))]).toEqual([true, false]);
      for (let n = 0; n <= token.length - 4; n += 1) expect(whole.includes(token.subarray(n, n + 4))).toBe(false);
      for (let bit = 0; bit < 8 * whole.length; bit += 1) {
        const other = Buffer.from(whole);
        other[bit >> 3]! ^= 1 << (bit & 7);
        expect(isSigned(other, token)).toBe(false);
      }
    }
  });
});
