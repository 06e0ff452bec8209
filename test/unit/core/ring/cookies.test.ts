import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { Cookies } from '../../../../src/core/ring/cookies.ts';

const here = { address: '192.0.2.1', port: 7000 };

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
  for (const other of [{ address: '192.0.2.2' }, { port: 7001 }]) {
    expect(take(cookie, randomBytes(8), { ...here, ...other })).toBe('unproved');
  }
  expect(take(Buffer.alloc(8))).toBe('unproved');
});

it('each ring counts once, also with a later cookie', () => {
  const { made, clock, take } = cookies();
  clock.now = 9000;
  const [cookie, sequence] = [made.issue(here), randomBytes(8)];
  clock.now = 19_999;
  expect([take(cookie, sequence), take(cookie, sequence)]).toEqual(['new', 'again']);
  clock.now = 20_001;
  expect([take(cookie, sequence), take(made.issue(here), sequence)]).toEqual(['unproved', 'again']);
});

it.each([0, 5000, 9999])('a cookie that is issued %i ms after its key counts for ten seconds, not for twenty', (ms) => {
  const { made, clock, take } = cookies();
  clock.now = ms;
  const cookie = made.issue(here);
  clock.now += 10_000;
  expect(take(cookie)).toBe('new');
  clock.now += 10_001;
  expect(take(cookie)).toBe('unproved');
});

it('remembers some thousand rings, and then asks for other cookies rather than forget one', () => {
  const { made, take } = cookies();
  const first = made.issue(here);
  const sequences = Array.from({ length: 10_000 }, () => randomBytes(8));
  const taken = sequences.filter((one) => take(first, one) === 'new');
  expect(taken.length).toBeGreaterThan(1000);
  expect(taken.length).toBeLessThan(10_000);
  expect(sequences.filter((one) => take(first, one) === 'new')).toEqual([]);
  expect(take(made.issue(here))).toBe('new');
});
