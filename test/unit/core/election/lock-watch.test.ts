import { describe, expect, test } from 'vitest';
import type { UnlockedDevice } from '../../../../src/core/db/devices/unlocked-devices.ts';
import { type FoundDead, LockWatch, signsOfLife } from '../../../../src/core/election/lock-watch.ts';

const device = (device_id: string, more: Partial<UnlockedDevice> = {}): UnlockedDevice => ({
  ...{ device_id, instance_token: Buffer.alloc(16, 1) },
  ...{ last_heartbeat: '2026-11-24 10:00:00.000', lock_taken_at: '2026-11-24 09:00:00.000' },
  ...more,
});
const A = [device('a')];

/** A watch with a grace of 1 s that trusts no lock for 15 s after a reconnect. */
function watch(lastReconnectAt: () => number | undefined = () => undefined, found?: FoundDead) {
  const lockWatch = new LockWatch({ graceMs: 1000, trustAfterReconnectMs: 15_000, lastReconnectAt, found });
  return (now: number, unlocked = A, connection = 'db 7') =>
    lockWatch.check({ unlocked, connection, now }).map((one) => one.device_id);
}

test('a lock that stays free for the grace is a death, not before, and one sample is never enough', () => {
  const sample = watch();
  expect([sample(1_000_000), sample(1_000_999), sample(1_001_000)]).toEqual([[], [], ['a']]);
});

test('a lock that was held in between begins its grace anew', () => {
  const sample = watch();
  expect([sample(0), sample(500, []), sample(1000), sample(2000)]).toEqual([[], [], [], ['a']]);
});

test.each([
  ['heartbeat', { last_heartbeat: '2026-11-24 10:00:00.500' }],
  ['new instance', { instance_token: Buffer.alloc(16, 2) }],
  ['new lock', { lock_taken_at: '2026-11-24 10:00:00.400' }],
])('a %s in between begins the grace anew', (_, moved) => {
  const sample = watch();
  expect([sample(0), sample(1000, [device('a', moved)])]).toEqual([[], []]);
});

test('a reconnect of the watcher, as when the database restarts, forgets what it saw and trusts no lock for 15 s', () => {
  const sample = watch();
  sample(0);
  for (const now of [1000, 15_999, 16_000]) expect(sample(now, A, 'db 8')).toEqual([]);
  expect(sample(17_000, A, 'db 8')).toEqual(['a']);
});

test('no lock is trusted while the liveness connection of the leader is lost, nor for 15 s after it was back', () => {
  let now = 0;
  let backAt: number | undefined;
  const lockWatch = watch(() => backAt ?? now);
  const sample = (at: number) => {
    now = at;
    return lockWatch(at);
  };
  for (let at = 0; at < 60_000; at += 500) expect(sample(at)).toEqual([]);
  backAt = now;
  for (let at = now + 500; at <= backAt + 15_000; at += 500) expect(sample(at)).toEqual([]);
  expect(sample(now + 1000)).toEqual(['a']);
  backAt = now;
  expect(sample(now + 1000)).toEqual([]);
});

describe('the leader before, whose lease was taken because its lock stayed free', () => {
  const found = { device_id: 'a', signs: signsOfLife(device('a')) };

  test('is not watched once more', () => {
    expect(watch(undefined, found)(5, [device('a'), device('b')])).toEqual(['a']);
  });

  test('is watched like all others when it has shown life since', () => {
    const sample = watch(undefined, found);
    const alive = [device('a', { last_heartbeat: '2026-11-24 10:00:00.500' })];
    expect([sample(5, alive), sample(1005, alive)]).toEqual([[], ['a']]);
  });

  test('is not judged while locks say nothing, nor after it held its lock again', () => {
    expect(watch(() => 0, found)(5)).toEqual([]);
    const sample = watch(undefined, found);
    expect([sample(5, []), sample(10)]).toEqual([[], []]);
  });
});
