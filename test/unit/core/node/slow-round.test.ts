import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { LivenessReport, LivenessSettings } from '../../../../src/core/node/liveness-messages.ts';
import { reportSlow, slowMs } from '../../../../src/core/node/slow-round.ts';

const settings = (callTimeoutMs: number, leaseRenewMs: number, lockGraceMs: number) =>
  ({ callTimeoutMs, leaseRenewMs, lockGraceMs }) as LivenessSettings;

test('a round is slow when the connection of another node may have ended meanwhile', async () => {
  expect(slowMs(settings(5000, 2500, 1000))).toBe(2000);
  expect(slowMs(settings(5000, 10_000, 1000))).toBe(1000);
  const said: LivenessReport[] = [];
  await reportSlow(pause(20), settings(0, 0, 1e9), (report) => said.push(report));
  expect(said).toEqual([]);
  await reportSlow(pause(20), settings(0, 0, 10), (report) => said.push(report));
  expect(said).toEqual([{ kind: 'slow' }]);
});

test('a round that fails rejects', async () => {
  await expect(reportSlow(Promise.reject(new Error('gone')), settings(0, 0, 0), () => {})).rejects.toThrow('gone');
});
