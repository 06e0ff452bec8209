import { expect, it } from 'vitest';
import { LeaseTrust } from '../../../../src/core/node/lease-trust.ts';
import { monotonic } from '../../../../src/core/runtime/clock.ts';

/** When the trust window was over, in milliseconds after its last renewal. */
function overAfter(changes: (trust: LeaseTrust) => void): Promise<number> {
  return new Promise((resolve) => {
    const started = monotonic();
    const trust = new LeaseTrust(60_000, () => {
      trust.close();
      resolve(monotonic() - started);
    });
    trust.renew(started);
    changes(trust);
  });
}

it('a shorter heartbeat_timeout of the fleet counts from the last good heartbeat, not from the next', async () => {
  expect(await overAfter((trust) => trust.change(60))).toBeGreaterThanOrEqual(38);
});

it('a change before the first heartbeat holds from then on', async () => {
  const over = new Promise<void>((resolve) => {
    const trust = new LeaseTrust(60_000, resolve);
    trust.change(30);
    trust.renew(monotonic());
  });
  await over;
});
