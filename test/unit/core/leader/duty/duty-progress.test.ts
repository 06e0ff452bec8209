import { expect, test } from 'vitest';
import { DutyProgress } from '../../../../../src/core/leader/duty/duty-progress.ts';

const never = () => new Promise<void>(() => {});

function progress() {
  const clock = { now: 0 };
  return { clock, one: new DutyProgress(1000, () => clock.now) };
}

test('finding F1: a duty whose round never ends, while nothing else ends either, is named', () => {
  const { clock, one } = progress();
  void one.round('figures', never);
  clock.now = 1000;
  expect(one.hanging).toBeUndefined();
  clock.now = 1001;
  expect(one.hanging).toEqual({ duty: 'figures', forMs: 1001 });
});

test('finding F1: a health check that hangs while other duties continue is named too, later', () => {
  const { clock, one } = progress();
  void one.round('health-check', never);
  void one.round('prune', never);
  for (clock.now = 500; clock.now <= 10_000; clock.now += 500) {
    one.done();
    expect(one.hanging).toBeUndefined();
  }
  one.done();
  expect(one.hanging).toEqual({ duty: 'health-check', forMs: 10_500 });
});

test('a round that failed has ended, and a leader without a round under way waits for its next', async () => {
  const { clock, one } = progress();
  await expect(one.round('lock-check', () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  clock.now = 60_000;
  expect(one.hanging).toBeUndefined();
});
