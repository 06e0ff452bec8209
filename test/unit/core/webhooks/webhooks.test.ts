// Where a webhook is sent, when, and how it is signed.
import { describe, expect, it } from 'vitest';
import { nextTryMs } from '../../../../src/core/webhooks/send/retry-schedule.ts';
import { isSecret, newSecret, signedHeaders } from '../../../../src/core/webhooks/send/signature.ts';

const middle = () => 0.5;

it('a delivery is sent again within seconds at first, and for about a day in all', () => {
  const waits = Array.from({ length: 20 }, (_, n) => nextTryMs(n + 1, undefined, middle)).filter(
    (wait) => wait !== null,
  );
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  const hours = waits.reduce((sum, one) => sum + one) / 3_600_000;
  expect(waits[0]).toBe(5000);
  expect(hours).toBeGreaterThan(22);
  expect(hours).toBeLessThan(25);
});

it.each([
  ['an answer that asks for more time gets it', 60, 0.5, 60_000],
  ['one that asks for less does not', 1, 0.5, 5000],
  ['nor one that asks for more than a day', 10 ** 9, 0.5, 86_400_000],
  ['those that failed together do not come back together', undefined, 0, 4000],
  ['but within six seconds', undefined, 0.999_999, 6000],
])('%s: after %s s and a chance of %d in %i ms', (_, asked, chance, wait) => {
  expect(nextTryMs(1, asked, () => chance)).toBe(wait);
});

describe('the signature of a delivery', () => {
  // The example of the Standard Webhooks specification.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const sent = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
  const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

  it('is that of the Standard Webhooks specification, once for each secret', () => {
    expect(signedHeaders([secret], sent)).toEqual({
      'webhook-id': sent.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': signature,
    });
    const former = newSecret();
    const both = signedHeaders([secret, former], sent)['webhook-signature'];
    expect(both).toBe(`${signature} ${signedHeaders([former], sent)['webhook-signature']}`);
  });

  it.each([{ id: 'msg_2' }, { timestamp: 8 }, { body: '{}' }])('covers %j', (other) => {
    expect(signedHeaders([secret], { ...sent, ...other })['webhook-signature']).not.toBe(signature);
  });
});

it('a secret that is made is one, and is new each time', () => {
  const others = ['', 'whsec_', 'secret', `whsec_${'A'.repeat(30)}`, 'whsec_????'];
  const long = `whsec_${Buffer.alloc(65).toString('base64')}`;
  expect([newSecret(), ...others, long].map(isSecret)).toEqual([true, ...Array(6).fill(false)]);
  expect(newSecret()).not.toBe(newSecret());
});
