import { describe, expect, test } from 'vitest';
import { SilenceJudge, silentForTwice } from '../../../../../src/core/leader/rescue/silence.ts';

const HEARTBEAT = '2026-11-24 10:00:00.000';
const silent = (ids: string[], silent_s = 61) =>
  ids.map((device_id) => ({ device_id, instance_token: null, last_heartbeat: HEARTBEAT, silent_s }));

/** Checks each second by both clocks unless a step says otherwise. */
function judge(covered = false) {
  const one = new SilenceJudge({ timeoutMs: 60_000 });
  return async (
    s: number,
    check: { silent: string[]; online: number; uptime_s?: number; connection?: string; stepped_s?: number },
  ) => {
    const dead = await one.judge(
      {
        silent: silent(check.silent),
        online: check.online,
        uptime_s: check.uptime_s ?? 100_000,
        connection: check.connection ?? 'db 7',
        now: s * 1000,
        database_ms: (1_000_000 + s + (check.stepped_s ?? 0)) * 1000,
      },
      async () => covered,
    );
    return dead.map((device) => device.device_id);
  };
}

test('a silent device is dead once this connection has been open for the timeout', async () => {
  const check = judge();
  expect(await check(0, { silent: ['a'], online: 9 })).toEqual([]);
  expect(await check(59, { silent: ['a'], online: 9 })).toEqual([]);
  expect(await check(60, { silent: ['a'], online: 9 })).toEqual(['a']);
});

test('other devices’ heartbeats show at once that the database could be reached', async () => {
  expect(await judge(true)(0, { silent: ['a'], online: 9 })).toEqual(['a']);
});

test('a reconnect begins the count again', async () => {
  const check = judge();
  await check(0, { silent: [], online: 9 });
  expect(await check(90, { silent: ['a'], online: 9, connection: 'db 8' })).toEqual([]);
  expect(await check(150, { silent: ['a'], online: 9, connection: 'db 8' })).toEqual(['a']);
});

test('a database restart makes nobody dead: a server younger than the timeout proves nothing', async () => {
  const check = judge(true);
  expect(await check(0, { silent: ['a'], online: 9, uptime_s: 59 })).toEqual([]);
  expect(await check(1, { silent: ['a'], online: 9, uptime_s: 60 })).toEqual(['a']);
});

test('a step of the database’s clock makes nobody dead, not even in a fleet of one', async () => {
  const check = judge();
  await check(0, { silent: [], online: 1 });
  await check(100, { silent: [], online: 1 });
  expect(await check(101, { silent: ['a'], online: 1, stepped_s: 600 })).toEqual([]);
  expect(await check(102, { silent: ['a'], online: 1, stepped_s: 600 })).toEqual([]);
  expect(await check(161, { silent: ['a'], online: 1, stepped_s: 600 })).toEqual(['a']);
});

describe('half of the fleet silent at once', () => {
  test('waits one more timeout', async () => {
    const check = judge(true);
    expect(await check(0, { silent: ['a', 'b'], online: 4 })).toEqual([]);
    expect(await check(59, { silent: ['a', 'b'], online: 4 })).toEqual([]);
    expect(await check(60, { silent: ['a', 'b'], online: 4 })).toEqual(['a', 'b']);
  });

  test('is forgiven when they come back', async () => {
    const check = judge(true);
    await check(0, { silent: ['a', 'b'], online: 4 });
    await check(30, { silent: [], online: 4 });
    expect(await check(61, { silent: ['a', 'b'], online: 4 })).toEqual([]);
  });

  test('needs three online devices, and half of them', async () => {
    expect(await judge(true)(0, { silent: ['a'], online: 2 })).toEqual(['a']);
    expect(await judge(true)(0, { silent: ['a'], online: 3 })).toEqual(['a']);
    expect(await judge(true)(0, { silent: ['a', 'b'], online: 3 })).toEqual([]);
  });
});

test('without a past, only what is silent for twice the timeout is dead, on a server as old', () => {
  const check = { silent: [...silent(['a'], 119), ...silent(['b'], 120)], online: 2, database_ms: 0, uptime_s: 120 };
  expect(silentForTwice(check, 60_000).map((device) => device.device_id)).toEqual(['b']);
  expect(silentForTwice({ ...check, uptime_s: 119 }, 60_000)).toEqual([]);
});
