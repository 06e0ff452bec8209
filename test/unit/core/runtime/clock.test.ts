import { expect, it } from 'vitest';
import { threadStartMs } from '../../../../src/core/runtime/clock.ts';

it('of a thread is that of the machine, though the thread loses the processor while it reads both', () => {
  let ms = 5_000_000;
  let readings = 0;
  const start = threadStartMs(
    () => BigInt(Math.round(ms * 1e6)),
    () => {
      readings += 1;
      // Another process has its turn each time but once.
      ms += readings === 7 ? 0.001 : 4;
      return ms - 1000;
    },
  );
  expect(Math.abs(start - 1000)).toBeLessThan(0.01);
});
