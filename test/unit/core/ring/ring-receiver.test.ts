// A receiver on a real port of this machine's loopback.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { decode, encodeRing, NO_COOKIE, RING_BYTES, type Ring } from '../../../../src/core/ring/datagram.ts';
import {
  CHALLENGES_PER_SECOND,
  MOST_IN_FLIGHT,
  RingReceiver,
  type RingReceiverOptions,
} from '../../../../src/core/ring/ring-receiver.ts';
import { RingSocket } from '../../../../src/core/ring/ring-socket.ts';
import { type Ear, ear } from '../../../helpers/ring.ts';
import { until } from '../../../helpers/wait.ts';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

const token = randomBytes(16);
const ring = () => ({
  ...{ sequence: randomBytes(8), lane: randomBytes(16) },
  ...{ directed: false, claim_rank: 5, n: 1, hops: 0 },
});

async function listener(): Promise<Ear> {
  const one = await ear();
  closing.push(one);
  return one;
}

/** `claims`: the rings for which it has asked for tasks. */
async function receiver(options: Partial<RingReceiverOptions> = {}) {
  const socket = await RingSocket.bind('127.0.0.1', 0);
  const claims: Ring[] = [];
  const { claim = async () => ({ claimed: 1, running: 1, free: 1 }) } = options;
  const one = new RingReceiver({
    ...{ socket, token, note: () => {}, figures: () => ({ running: 2, free: 0 }) },
    ...options,
    claim(asked) {
      claims.push(asked);
      return claim(asked);
    },
  });
  await one.start();
  const mine = await listener();
  closing.push({ close: () => one.stop() }, socket);
  return { one, port: socket.port, mine, claims };
}

/** What a receiver says of itself, without the cookie for the next ring. */
const said = (mine: Ear) =>
  mine.heard.filter((one) => one.kind !== 'ring' && one.kind !== 'challenge').map(({ cookie: _, ...one }) => one);
const answered = (mine: Ear, sequence: Buffer) => mine.heard.some((one) => one.sequence.equals(sequence));

describe('a receiver', () => {
  it('answers when the claim is over, not before', async () => {
    let claimed = () => {};
    const slowly = new Promise<void>((resolve) => (claimed = resolve));
    const { port, mine } = await receiver({
      async claim({ hops }) {
        if (hops === 0) await slowly;
        return { claimed: 7, running: hops, free: 0 };
      },
    });
    const slow = await mine.ring(ring(), token, port);
    const quick = await mine.ring({ ...ring(), hops: 1 }, token, port);
    await mine.next('answer');
    const answer = { kind: 'answer', claimed: 7, free: 0 };
    expect(said(mine)).toEqual([{ ...answer, sequence: quick, running: 1 }]);
    claimed();
    await until(() => said(mine).length === 2);
    expect(said(mine)[1]).toEqual({ ...answer, sequence: slow, running: 0 });
  });

  it('claims for 50 rings a second and keeps the hints of the others, for which a claim follows', async () => {
    const notes: Ring[] = [];
    const { port, mine, claims } = await receiver({ note: (one) => void notes.push(one) });
    for (let n = 0; n < 60; n += 1) await mine.ring(ring(), token, port);
    await until(() => said(mine).length === 60);
    // Whatever time it took: what was not claimed for was noted, and answered with nothing claimed.
    expect(claims.length + notes.length).toBeGreaterThanOrEqual(60);
    expect(notes.length).toBeGreaterThan(0);
    expect(mine.heard.filter((one) => one.kind === 'answer' && one.claimed === 0)).toHaveLength(notes.length);
    const noted = (one: Ring) => notes.some((note) => note.sequence.equals(one.sequence));
    await until(() => claims.some(noted), 9000, 'the claim that follows');
  });

  it('finding S6: holds a hundred rings while their claims do not come back, and drops more', async () => {
    let settle = () => {};
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const claim = () => settled.then(() => ({ claimed: 0, running: 0, free: 1 }));
    const { port, mine, claims } = await receiver({ claim });
    // Fifty a second are asked about; the others are answered at once, until a hundred wait.
    await until(() => {
      for (let n = 0; n < 5; n += 1) void mine.ring(ring(), token, port);
      return claims.length === MOST_IN_FLIGHT;
    }, 20_000);
    const dropped = await mine.ring(ring(), token, port);
    const marker = await receiver();
    await mine.ring(ring(), token, marker.port);
    await until(() => mine.heard.some((one) => one.kind === 'answer' && one.claimed === 1));
    expect([answered(mine, dropped), claims.length]).toEqual([false, MOST_IN_FLIGHT]);
    settle();
    const after = ring();
    await until(() => {
      void mine.ring(after, token, port);
      return answered(mine, after.sequence);
    });
  });

  it('finding S6: takes each ring once: who has seen one cannot cause another claim with it', async () => {
    const { port, mine, claims } = await receiver();
    await mine.ring(ring(), token, port);
    const { cookie } = await mine.next('answer');
    const seen = encodeRing({ ...ring(), cookie }, token);
    for (let n = 0; n < 20; n += 1) mine.send(seen, port);
    // Datagrams on loopback keep their order: the others were read before the last.
    const last = await mine.ring(ring(), token, port);
    await until(() => answered(mine, last));
    expect([claims.length, said(mine).length]).toEqual([3, 3]);
    // Sent from elsewhere, it is challenged.
    const victim = await listener();
    victim.send(encodeRing({ ...ring(), cookie }, token), port);
    await victim.next('challenge');
    expect(victim.bytes).toHaveLength(1);
  });

  it('finding S7: sends to an address that has not proved itself one challenge for each ring, and not without end', async () => {
    const { one, port, mine } = await receiver();
    // As from a forged address: what it is sent there is not read, so its rings never have the cookie.
    const first = ring();
    mine.send(encodeRing({ ...first, cookie: NO_COOKIE }, token), port);
    expect(await mine.next('challenge')).toMatchObject({ sequence: first.sequence, claimed: 0, running: 0, free: 0 });
    one.changed();
    for (let n = 1; n < 2 * CHALLENGES_PER_SECOND; n += 1) {
      mine.send(encodeRing({ ...ring(), cookie: randomBytes(8) }, token), port);
    }
    const other = await listener();
    // Its first ring may be one too many of this second.
    await until(() => {
      void other.ring(ring(), token, port);
      return said(other).length > 0;
    });
    expect(mine.bytes.filter((bytes) => decode(bytes)?.kind !== 'challenge')).toEqual([]);
    expect(mine.bytes.length).toBeLessThan(2 * CHALLENGES_PER_SECOND);
  });

  it('tells who rang, once, when the figures are others, and not who forwarded', async () => {
    let figures = { running: 1, free: 1 };
    const { one, port, mine } = await receiver({ figures: () => figures });
    const forwarder = await listener();
    await forwarder.ring({ ...ring(), hops: 1 }, token, port);
    await forwarder.next('answer');
    const asked = await mine.ring(ring(), token, port);
    await mine.next('answer');
    one.changed();
    figures = { running: 0, free: 2 };
    one.changed();
    expect(await mine.next('state')).toMatchObject({ kind: 'state', sequence: asked, claimed: 0, ...figures });
    one.changed();
    const again = await mine.ring(ring(), token, port);
    await until(() => answered(mine, again));
    expect(mine.heard.filter((got) => got.kind === 'state')).toHaveLength(1);
    expect(forwarder.heard.map(({ kind }) => kind)).toEqual(['challenge', 'answer']);
  });

  it('says nothing to a wrong token, to junk, or after its end', async () => {
    const { one, port, mine } = await receiver();
    void mine.ring(ring(), randomBytes(16), port);
    for (let n = 0; n < 50; n += 1) mine.send(randomBytes(RING_BYTES), port);
    await mine.ring(ring(), token, port);
    await mine.next('answer');
    await one.stop();
    const other = await receiver();
    void mine.ring(ring(), token, port);
    await mine.ring(ring(), token, other.port);
    await until(() => said(mine).length === 2);
    expect(mine.heard.map(({ kind }) => kind)).toEqual(['challenge', 'answer', 'challenge', 'answer']);
  });
});
