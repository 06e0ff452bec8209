import { expect, test } from 'vitest';
import type { DeviceReadings } from '../../../../src/core/db/devices/heartbeat-device.ts';
import { LimitWatch } from '../../../../src/core/node/limit-watch.ts';
import { RecentClaims } from '../../../../src/core/node/recent-claims.ts';

/** What is said of a machine whose memory is as full as this, one reading after the other. */
async function told(...memory: Array<number | null>) {
  const machine = {
    last: { cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null } as DeviceReadings,
    async refresh() {
      this.last = { ...this.last, memory_usage: memory.shift() ?? null };
    },
  };
  const said: string[][] = [];
  const watch = new LimitWatch(machine, { memory_usage: 90 }, (reasons) => said.push(reasons));
  for (let checks = memory.length; checks > 0; checks -= 1) await watch.check();
  return { said, now: watch.overLimits };
}

test('the first reading is reported whatever it is; then each change once, and nothing between', async () => {
  expect((await told(50, 60, 70)).said).toEqual([[]]);
  const over = ['memory is at 95 %, over its limit of 90 %'];
  expect((await told(50, 95, 96, 91, 88, 80, 70)).said).toEqual([[], over, []]);
});

test('the reason has the level of now, not of when the limit was exceeded', async () => {
  expect((await told(95, 97)).now).toEqual(['memory is at 97 %, over its limit of 90 %']);
});

test('the recent claims are what was claimed within the last minute', () => {
  const window = new RecentClaims();
  expect(window.count(0)).toBe(0);
  window.note(5, 400);
  window.note(8, 20_000);
  expect(window.count(30_000)).toBe(8);
  // The first five fell out.
  expect(window.count(61_000)).toBe(3);
  expect(window.count(95_000)).toBe(0);
  for (let total = 9; total <= 1000; total += 1) window.note(total, 95_000 + total * 100);
  expect(Math.abs(window.count(195_000) - 600)).toBeLessThanOrEqual(11);
});
