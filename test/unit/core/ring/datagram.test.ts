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
const ring = () => ({
  cookie: randomBytes(8),
  sequence: randomBytes(8),
  directed: randomInt(2) === 1,
  lane: randomBytes(16),
  claim_rank: randomInt(11),
  n: randomInt(0x10000),
  hops: randomInt(0x100),
});
const reply = () => ({
  kind: (['answer', 'state', 'challenge'] as const)[randomInt(3)]!,
  sequence: randomBytes(8),
  cookie: randomBytes(8),
  claimed: randomInt(0x10000),
  running: randomInt(0x10000),
  free: randomInt(0x10000),
});

describe('datagrams', () => {
  it('say the same after the wire', () => {
    for (let n = 0; n < 500; n += 1) {
      const [asked, told] = [ring(), reply()];
      expect(decode(encodeRing(asked, token))).toEqual({ kind: 'ring', ...asked });
      expect(decode(encodeReply(told, token))).toEqual(told);
    }
  });

  it('have fixed sizes, and an answer is shorter than its question', () => {
    expect(encodeRing(ring(), token)).toHaveLength(RING_BYTES);
    expect(encodeReply(reply(), token)).toHaveLength(REPLY_BYTES);
    expect(REPLY_BYTES).toBeLessThan(RING_BYTES);
  });

  it('keep figures that are too large within their fields', () => {
    const told = decode(encodeReply({ ...reply(), claimed: 1e9, running: -4, free: 2.6 }, token));
    expect(told).toMatchObject({ claimed: 0xffff, running: 0, free: 3 });
  });

  it('are nothing when cut, lengthened, or of another version or kind', () => {
    for (const whole of [encodeRing(ring(), token), encodeReply(reply(), token)]) {
      for (let length = 0; length < whole.length; length += 1)
        expect(decode(whole.subarray(0, length))).toBeUndefined();
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
    for (const whole of [encodeRing(ring(), token), encodeReply(reply(), token)]) {
      expect(isSigned(whole, token)).toBe(true);
      expect(isSigned(whole, randomBytes(16))).toBe(false);
      for (let n = 0; n <= token.length - 4; n += 1) expect(whole.includes(token.subarray(n, n + 4))).toBe(false);
      for (let bit = 0; bit < 8 * whole.length; bit += 1) {
        const other = Buffer.from(whole);
        other[bit >> 3]! ^= 1 << (bit & 7);
        expect(isSigned(other, token)).toBe(false);
      }
    }
  });

  it('never throw, whatever comes', () => {
    for (let n = 0; n < 20_000; n += 1) {
      const junk = randomBytes(randomInt(80));
      // Half of them begin as ours do, so that they get past the first check.
      if (n % 2 === 0) Buffer.from([0xaf, 0xd1, 2, randomInt(5)]).copy(junk);
      const got = decode(junk);
      if (got === undefined) continue;
      expect(junk).toHaveLength(got.kind === 'ring' ? RING_BYTES : REPLY_BYTES);
      expect(got.kind === 'ring' ? got.claim_rank : 0).toBeLessThanOrEqual(10);
    }
  });

  it('do not change when the receiver uses its buffer again', () => {
    const asked = ring();
    const bytes = encodeRing(asked, token);
    const got = decode(bytes);
    bytes.fill(0);
    expect(got).toMatchObject({ cookie: asked.cookie, sequence: asked.sequence, lane: asked.lane });
  });
});
