import { describe, expect, test } from 'vitest';
import { SilenceJudge, silentForTwice } from '../../../../../src/core/leader/rescue/silence.ts';

const last_heartbeat = '2026-11-24 10:00:00.000';
const silent = (ids: string, silent_s = 61) =>
  [...ids].map((device_id) => ({ device_id, instance_token: null, last_heartbeat, silent_s }));

/** Checks at a second of both clocks who of `online` devices, of whom these are silent, is dead. */
function judge(covered = false) {
  const one = new SilenceJudge({ timeoutMs: 60_000 });
  return async (
    s: number,
    ids: string,
    online = 9,
    { uptime_s = 100_000, connection = 'db 7', stepped_s = 0 } = {},
  ) => {
    const at = { now: s * 1000, database_ms: (1_000_000 + s + stepped_s) * 1000 };
    const dead = await one.judge({ silent: silent(ids), online, uptime_s, connection, ...at }, async () => covered);
    return dead.map((device) => device.device_id).join('');
  };
}

test('a silent device is dead once this connection has been open for the timeout; a reconnect begins the count again', async () => {
  const check = judge();
  expect([await check(0, 'a'), await check(59, 'a'), await check(60, 'a')]).toEqual(['', '', 'a']);
  const again = { connection: 'db 8' };
  expect([await check(90, 'a', 9, again), await check(150, 'a', 9, again)]).toEqual(['', 'a']);
});

test('other devices’ heartbeats show at once that the database could be reached', async () => {
  expect(await judge(true)(0, 'a')).toBe('a');
});

test('a database restart makes nobody dead: a server younger than the timeout proves nothing', async () => {
  const check = judge(true);
  expect([await check(0, 'a', 9, { uptime_s: 59 }), await check(1, 'a', 9, { uptime_s: 60 })]).toEqual(['', 'a']);
});

test('a step of the database’s clock makes nobody dead, not even in a fleet of one', async () => {
  const check = judge();
  await check(0, '', 1);
  await check(100, '', 1);
  const after = (s: number) => check(s, 'a', 1, { stepped_s: 600 });
  expect([await after(101), await after(102), await after(161)]).toEqual(['', '', 'a']);
});

describe('half of the fleet silent at once', () => {
  test('waits one more timeout', async () => {
    const check = judge(true);
    expect([await check(0, 'ab', 4), await check(59, 'ab', 4), await check(60, 'ab', 4)]).toEqual(['', '', 'ab']);
  });

  test('is forgiven when they come back', async () => {
    const check = judge(true);
    await check(0, 'ab', 4);
    await check(30, '', 4);
    expect(await check(61, 'ab', 4)).toBe('');
  });

  test.each([
    ['a', 2, 'a'],
    ['a', 3, 'a'],
    ['ab', 3, ''],
  ])('needs three online devices, and half of them: %s of %i', async (ids, online, dead) => {
    expect(await judge(true)(0, ids, online)).toBe(dead);
  });
});

test('without a past, only what is silent for twice the timeout is dead, on a server as old', () => {
  const check = { silent: [...silent('a', 119), ...silent('b', 120)], online: 2, database_ms: 0, uptime_s: 120 };
  expect(silentForTwice(check, 60_000).map((device) => device.device_id)).toEqual(['b']);
  expect(silentForTwice({ ...check, uptime_s: 119 }, 60_000)).toEqual([]);
});
