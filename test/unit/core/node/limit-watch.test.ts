import { expect, test } from 'vitest';
import type { DeviceReadings } from '../../../../src/core/db/devices/heartbeat-device.ts';
import { LimitWatch } from '../../../../src/core/node/limit-watch.ts';
import { RecentClaims } from '../../../../src/core/node/recent-claims.ts';

/** A machine whose memory is as full as the test says. */
class Machine {
  last: DeviceReadings = { cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null };
  readonly #memory: Array<number | null>;

  constructor(memory: Array<number | null>) {
    this.#memory = memory;
  }

  async refresh(): Promise<void> {
    this.last = { ...this.last, memory_usage: this.#memory.shift() ?? null };
  }
}

async function told(memory: Array<number | null>): Promise<string[][]> {
  const machine = new Machine(memory);
  const said: string[][] = [];
  const keeper = new LimitWatch(machine, { memory_usage: 90 }, (reasons) => said.push(reasons));
  for (let checks = memory.length; checks > 0; checks -= 1) await keeper.check();
  return said;
}

test('the first reading is reported whatever it is; then each change once, and nothing between', async () => {
  expect(await told([50, 60, 70])).toEqual([[]]);
  expect(await told([50, 95, 96, 91, 88, 80, 70])).toEqual([[], ['memory is at 95 %, over its limit of 90 %'], []]);
});

test('the reason has the level of now, not of when the limit was exceeded', async () => {
  const machine = new Machine([95, 97]);
  const keeper = new LimitWatch(machine, { memory_usage: 90 }, () => {});
  await keeper.check();
  await keeper.check();
  expect(keeper.overLimits).toEqual(['memory is at 97 %, over its limit of 90 %']);
});

test('the recent claims are what was claimed within the last minute', () => {
  const window = new RecentClaims();
  expect(window.count(0)).toBe(0);
  window.note(5, 400);
  expect(window.count(500)).toBe(5);
  window.note(8, 20_000);
  expect(window.count(30_000)).toBe(8);
  // The first five fell out.
  expect(window.count(61_000)).toBe(3);
  expect(window.count(95_000)).toBe(0);
});

test('the recent claims of a device that claims all the time are its rate, however often it is asked', () => {
  const window = new RecentClaims();
  let total = 0;
  for (let ms = 0; ms <= 300_000; ms += 100) {
    total += 1;
    window.note(total, ms);
    const count = window.count(ms);
    if (ms >= 61_000) expect(Math.abs(count - 600)).toBeLessThanOrEqual(11);
  }
});
