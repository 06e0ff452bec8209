import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { Cookies } from '../../../../src/core/ring/cookies.ts';

const here = { address: '192.0.2.1', port: 7000 };
const elsewhere = [
  { address: '192.0.2.2', port: 7000 },
  { address: '192.0.2.1', port: 7001 },
];

function cookies() {
  const clock = { now: 0 };
  const made = new Cookies(() => clock.now);
  const take = (cookie: Buffer, sequence: Buffer = randomBytes(8), from = here) =>
    made.take({ cookie, sequence }, from);
  return { made, clock, take };
}

it('a ring counts from the address to which its cookie went, and from no other', () => {
  const { made, take } = cookies();
  const cookie = made.issue(here);
  expect(take(cookie)).toBe('new');
  for (const one of elsewhere) expect(take(cookie, randomBytes(8), one)).toBe('unproved');
  expect(take(Buffer.alloc(8))).toBe('unproved');
  expect(take(randomBytes(8))).toBe('unproved');
});

it('each ring counts once, as long as its cookie does', () => {
  const { made, clock, take } = cookies();
  const [cookie, sequence] = [made.issue(here), randomBytes(8)];
  expect(take(cookie, sequence)).toBe('new');
  for (clock.now = 0; clock.now < 20_000; clock.now += 500) expect(take(cookie, sequence)).toBe('again');
  expect(take(cookie, sequence)).toBe('unproved');
});

it('a ring that was taken late in the life of its cookie is not taken again either', () => {
  const { made, clock, take } = cookies();
  clock.now = 9000;
  const [cookie, sequence] = [made.issue(here), randomBytes(8)];
  clock.now = 19_999;
  expect(take(cookie, sequence)).toBe('new');
  expect(take(cookie, sequence)).toBe('again');
  clock.now = 20_001;
  expect(take(cookie, sequence)).toBe('unproved');
  // With a cookie of today the same sequence is still known.
  expect(take(made.issue(here), sequence)).toBe('again');
});

it('a cookie counts for ten seconds at least, and for twenty at most', () => {
  const { made, clock, take } = cookies();
  for (const issuedAt of [0, 5000, 9999]) {
    clock.now += 100_000;
    made.issue(here);
    clock.now += issuedAt;
    const cookie = made.issue(here);
    clock.now += 10_000;
    expect(take(cookie), `issued ${issuedAt} ms after its key was made`).toBe('new');
    clock.now += 10_001;
    expect(take(cookie)).toBe('unproved');
  }
});

it('remembers some thousand rings, and then asks for other cookies rather than forget one', () => {
  const { made, take } = cookies();
  const first = made.issue(here);
  const sequences: Buffer[] = [];
  for (let sequence = randomBytes(8); take(first, sequence) === 'new'; sequence = randomBytes(8))
    sequences.push(sequence);
  expect(sequences.length).toBeGreaterThan(1000);
  expect(sequences.length).toBeLessThan(10_000);
  expect(sequences.filter((one) => take(first, one) === 'new')).toEqual([]);
  expect(take(made.issue(here))).toBe('new');
});
