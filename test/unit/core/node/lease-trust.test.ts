import { expect, it } from 'vitest';
import { LeaseTrust } from '../../../../src/core/node/lease-trust.ts';
import { monotonic } from '../../../../src/core/runtime/clock.ts';

/** When patience ran out, in milliseconds after its last renewal. */
function overAfter(changes: (patience: LeaseTrust) => void): Promise<number> {
  return new Promise((resolve) => {
    const started = monotonic();
    const patience = new LeaseTrust(60_000, () => {
      patience.close();
      resolve(monotonic() - started);
    });
    patience.renew(started);
    changes(patience);
  });
}

it('a shorter heartbeat_timeout of the fleet counts from the last good heartbeat, not from the next', async () => {
  expect(await overAfter((patience) => patience.change(60))).toBeGreaterThanOrEqual(38);
});

it('a change before the first heartbeat holds from then on', async () => {
  const over = new Promise<void>((resolve) => {
    const patience = new LeaseTrust(60_000, resolve);
    patience.change(30);
    patience.renew(monotonic());
  });
  await over;
});
