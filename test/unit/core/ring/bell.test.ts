// A bell on a real port of this machine's loopback.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { Bell, type BellOptions, MOST_IN_FLIGHT } from '../../../../src/core/ring/bell.ts';
import { encodeRing, type Ring } from '../../../../src/core/ring/datagram.ts';
import { RingSocket } from '../../../../src/core/ring/ring-socket.ts';
import { type Ear, ear } from '../../../helpers/ring.ts';
import { until } from '../../../helpers/wait.ts';

const closing: Array<{ close(): void }> = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

const token = randomBytes(16);
const ring = () => ({
  token,
  sequence: randomBytes(8),
  directed: false,
  lane: randomBytes(16),
  claim_rank: 5,
  n: 1,
  hops: 0,
});

async function bell(options: Partial<BellOptions> = {}): Promise<{ bell: Bell; port: number; mine: Ear }> {
  const socket = await RingSocket.bind('127.0.0.1', 0);
  const made = new Bell({
    socket,
    token,
    claim: async () => ({ claimed: 1, running: 1, free: 1 }),
    note: () => {},
    figures: () => ({ running: 2, free: 0 }),
    ...options,
  });
  const mine = await ear();
  closing.push(socket, made, mine);
  return { bell: made, port: socket.port, mine };
}

describe('a bell', () => {
  it('answers when the claim is over, not before', async () => {
    let claimed = () => {};
    const { port, mine } = await bell({
      claim: (one) =>
        one.hops === 1
          ? Promise.resolve({ claimed: 7, running: 0, free: 0 })
          : new Promise((resolve) => {
              claimed = () => resolve({ claimed: 3, running: 3, free: 2 });
            }),
    });
    const [slow, quick] = [ring(), { ...ring(), hops: 1 }];
    mine.send(encodeRing(slow), port);
    mine.send(encodeRing(quick), port);
    await mine.next('answer');
    expect(mine.heard).toEqual([{ kind: 'answer', sequence: quick.sequence, claimed: 7, running: 0, free: 0 }]);
    claimed();
    await until(() => mine.heard.length === 2);
    expect(mine.heard[1]).toEqual({ kind: 'answer', sequence: slow.sequence, claimed: 3, running: 3, free: 2 });
  });

  it('claims for 50 rings a second and keeps the hints of the others, for which a claim follows', async () => {
    const claims: Ring[] = [];
    const notes: Ring[] = [];
    const { port, mine } = await bell({
      claim: async (one) => {
        claims.push(one);
        return { claimed: 1, running: 1, free: 1 };
      },
      note: (one) => void notes.push(one),
    });
    const sent = Array.from({ length: 60 }, ring);
    for (const one of sent) mine.send(encodeRing(one), port);
    await until(() => mine.heard.length === 60);
    // Whatever time it took: what was not claimed for was noted, and answered with nothing claimed.
    expect(claims.length + notes.length).toBeGreaterThanOrEqual(60);
    expect(notes.length).toBeGreaterThan(0);
    expect(mine.heard.filter((one) => one.kind === 'answer' && one.claimed === 0)).toHaveLength(notes.length);
    const noted = (one: Ring) => notes.some((note) => note.sequence.equals(one.sequence));
    await until(() => claims.some(noted), 9000, 'the claim that follows');
  });

  it('finding S6: holds a hundred rings while their claims do not come back, and drops more', async () => {
    let asked = 0;
    const settle: Array<() => void> = [];
    const { port, mine } = await bell({
      claim: () => {
        asked += 1;
        return new Promise((resolve) => settle.push(() => resolve({ claimed: 0, running: 0, free: 1 })));
      },
    });
    // Fifty a second are asked about; the others are answered at once, until a hundred wait.
    await until(() => {
      mine.send(encodeRing(ring()), port);
      return asked === MOST_IN_FLIGHT;
    });
    const dropped = ring();
    mine.send(encodeRing(dropped), port);
    const marker = await bell();
    mine.send(encodeRing(ring()), marker.port);
    await until(() => mine.heard.some((one) => one.kind === 'answer' && one.claimed === 1));
    expect(mine.heard.some((one) => one.sequence.equals(dropped.sequence))).toBe(false);
    expect(asked).toBe(MOST_IN_FLIGHT);
    for (const one of settle) one();
    const after = ring();
    await until(() => {
      mine.send(encodeRing(after), port);
      return mine.heard.some((one) => one.sequence.equals(after.sequence));
    });
  });

  it('tells who rang, once, when the figures are others', async () => {
    let figures = { running: 1, free: 1 };
    const { bell: one, port, mine } = await bell({ figures: () => figures });
    const asked = ring();
    mine.send(encodeRing(asked), port);
    await mine.next('answer');
    one.changed();
    figures = { running: 0, free: 2 };
    one.changed();
    expect(await mine.next('state')).toEqual({ kind: 'state', sequence: asked.sequence, claimed: 0, ...figures });
    one.changed();
    const again = ring();
    mine.send(encodeRing(again), port);
    await until(() => mine.heard.some((got) => got.sequence.equals(again.sequence)));
    expect(mine.heard.filter((got) => got.kind === 'state')).toHaveLength(1);
  });

  it('says nothing to a wrong token, to junk, or after its end', async () => {
    const { bell: one, port, mine } = await bell();
    mine.send(encodeRing({ ...ring(), token: randomBytes(16) }), port);
    for (let n = 0; n < 50; n += 1) mine.send(randomBytes(48), port);
    const right = ring();
    mine.send(encodeRing(right), port);
    await mine.next('answer');
    expect(mine.bytes).toHaveLength(1);
    one.close();
    const other = await bell();
    mine.send(encodeRing(ring()), port);
    mine.send(encodeRing(ring()), other.port);
    await until(() => mine.bytes.length > 1);
    expect(mine.bytes).toHaveLength(2);
  });
});
