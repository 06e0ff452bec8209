import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { DeviceProbe } from '../../../../src/core/node/device-probe.ts';

it('reads processor, memory and disk in per cent, the disk as df does', async () => {
  const probe = new DeviceProbe();
  expect(probe.read()).toEqual({ cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null });
  await probe.refresh();
  const { cpu_usage, memory_usage, disk_usage, system_info } = probe.last;
  for (const one of [cpu_usage, memory_usage, disk_usage]) {
    expect(one).toBeGreaterThanOrEqual(0);
    expect(one).toBeLessThanOrEqual(100);
  }
  expect(system_info).toMatchObject({ platform: expect.any(String), memory_total: expect.any(Number) });
  const df = Number(/(\d+)%/.exec(execFileSync('df', ['-P', '/'], { encoding: 'utf8' }))?.[1]);
  // df rounds up, and others write meanwhile.
  expect(Math.abs(Number(disk_usage) - df)).toBeLessThan(2);
});
