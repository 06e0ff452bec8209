import { expect, it } from 'vitest';
import { LeaseTrust } from '../../../../src/core/node/lease-trust.ts';
import { monotonic } from '../../../../src/core/runtime/clock.ts';

it('a shorter heartbeat_timeout of the fleet counts from the last good heartbeat, not from the next', async () => {
  const started = monotonic();
  const over = await new Promise<number>((resolve) => {
    const trust = new LeaseTrust(60_000, () => resolve(monotonic() - started));
    trust.renew(started);
    trust.change(60);
  });
  expect(over).toBeGreaterThanOrEqual(38);
});

it('a change before the first heartbeat holds from then on', async () => {
  await new Promise<void>((resolve) => {
    const trust = new LeaseTrust(60_000, resolve);
    trust.change(30);
    trust.renew(monotonic());
  });
});
