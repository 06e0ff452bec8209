import { describe, expect, test } from 'vitest';
import type { UnlockedDevice } from '../../../../src/core/db/devices/unlocked-devices.ts';
import { type FoundDead, LockWatch, signsOfLife } from '../../../../src/core/election/lock-watch.ts';

const token = Buffer.alloc(16, 1);
const device = (id: string, last_heartbeat = '2026-11-24 10:00:00.000'): UnlockedDevice => ({
  device_id: id,
  instance_token: token,
  last_heartbeat,
  lock_taken_at: '2026-11-24 09:00:00.000',
});
const ids = (devices: UnlockedDevice[]) => devices.map((one) => one.device_id);

function watch(reconnectAt?: number | (() => number), found?: FoundDead) {
  const lastReconnectAt = typeof reconnectAt === 'function' ? reconnectAt : () => reconnectAt;
  const lockWatch = new LockWatch({ graceMs: 1000, trustAfterReconnectMs: 15_000, lastReconnectAt, found });
  return (now: number, unlocked: UnlockedDevice[], connection = 'db 7') =>
    ids(lockWatch.check({ unlocked, connection, now }));
}

test('a lock that stays free for the grace is a death, not before', () => {
  const sample = watch();
  expect(sample(0, [device('a')])).toEqual([]);
  expect(sample(999, [device('a')])).toEqual([]);
  expect(sample(1000, [device('a')])).toEqual(['a']);
});

test('one sample is never enough', () => {
  const sample = watch();
  expect(sample(1_000_000, [device('a')])).toEqual([]);
});

test('a lock that was held in between begins its grace anew', () => {
  const sample = watch();
  sample(0, [device('a')]);
  sample(500, []);
  expect(sample(1000, [device('a')])).toEqual([]);
  expect(sample(2000, [device('a')])).toEqual(['a']);
});

test('a heartbeat, a new instance or a new lock in between begins the grace anew', () => {
  for (const moved of [
    device('a', '2026-11-24 10:00:00.500'),
    { ...device('a'), instance_token: Buffer.alloc(16, 2) },
    { ...device('a'), lock_taken_at: '2026-11-24 10:00:00.400' },
  ]) {
    const sample = watch();
    sample(0, [device('a')]);
    expect(sample(1000, [moved])).toEqual([]);
  }
});

test('a reconnect of the watcher forgets what it saw and trusts no lock for 15 s', () => {
  const sample = watch();
  sample(0, [device('a')]);
  expect(sample(1000, [device('a')], 'db 8')).toEqual([]);
  expect(sample(15_999, [device('a')], 'db 8')).toEqual([]);
  expect(sample(16_000, [device('a')], 'db 8')).toEqual([]);
  expect(sample(17_000, [device('a')], 'db 8')).toEqual(['a']);
});

test('a database restart makes nobody dead: every lock is free at once, on a new connection', () => {
  const sample = watch();
  const fleet = ['a', 'b', 'c', 'd'].map((id) => device(id));
  sample(0, []);
  // The server is back after 2 s; the workers have their locks again after 0.9 s.
  for (let now = 2000; now < 3000; now += 250) expect(sample(now, fleet, 'db 8')).toEqual([]);
  for (let now = 3000; now < 60_000; now += 250) expect(sample(now, [], 'db 8')).toEqual([]);
});

test('a leader whose own liveness connection was cut just before it began trusts no lock either', () => {
  const sample = watch(10_000);
  sample(12_000, [device('a')]);
  expect(sample(24_000, [device('a')])).toEqual([]);
  sample(25_000, [device('a')]);
  expect(sample(26_000, [device('a')])).toEqual(['a']);
});

test('no lock is trusted while the liveness connection of the leader is lost, nor after it was back or slow during the term', () => {
  let now = 0;
  let reconnectAt = 0;
  let away = true;
  const lockWatch = watch(() => (away ? now : reconnectAt));
  const sample = (at: number) => {
    now = at;
    return lockWatch(at, [device('a')]);
  };
  for (let at = 0; at < 60_000; at += 500) expect(sample(at)).toEqual([]);
  away = false;
  reconnectAt = now;
  for (let at = now + 500; at <= reconnectAt + 15_000; at += 500) expect(sample(at)).toEqual([]);
  expect(sample(now + 1000)).toEqual(['a']);
  reconnectAt = now;
  expect(sample(now + 1000)).toEqual([]);
});

describe('the leader before, whose lease was taken because its lock stayed free', () => {
  const found = { device_id: 'a', signs: signsOfLife(device('a')) };

  test('is not watched once more', () => {
    expect(watch(undefined, found)(5, [device('a'), device('b')])).toEqual(['a']);
  });

  test('is watched like all others when it has shown life since', () => {
    const sample = watch(undefined, found);
    expect(sample(5, [device('a', '2026-11-24 10:00:00.500')])).toEqual([]);
    expect(sample(1005, [device('a', '2026-11-24 10:00:00.500')])).toEqual(['a']);
  });

  test('is not judged while locks say nothing, nor after it held its lock again', () => {
    expect(watch(0, found)(5, [device('a')])).toEqual([]);
    const sample = watch(undefined, found);
    sample(5, []);
    expect(sample(10, [device('a')])).toEqual([]);
  });
});
