import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSecret, newSecret, signedHeaders } from '../../../../src/core/webhooks/send/signature.ts';

describe('the signature of a delivery', () => {
  it('is that of the Standard Webhooks specification', () => {
    // Its own example.
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const sent = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
    expect(signedHeaders([secret], sent)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('comes once for each secret, and covers id, time and body', () => {
    const [now, former] = [newSecret(), newSecret()];
    const sent = { id: 'msg_1', timestamp: 7, body: '{"é":1}' };
    const expected = [now, former].map((secret) => {
      const key = Buffer.from(secret.slice(6), 'base64');
      return `v1,${createHmac('sha256', key).update('msg_1.7.{"é":1}').digest('base64')}`;
    });
    expect(signedHeaders([now, former], sent)['webhook-signature']).toBe(expected.join(' '));
    for (const other of [
      { ...sent, id: 'msg_2' },
      { ...sent, timestamp: 8 },
      { ...sent, body: '{}' },
    ])
      expect(signedHeaders([now], other)['webhook-signature']).not.toBe(expected[0]);
  });
});

describe('a secret', () => {
  it('that is made is one, and is new each time', () => {
    expect(isSecret(newSecret())).toBe(true);
    expect(newSecret()).not.toBe(newSecret());
  });

  it.each([
    '',
    'whsec_',
    'secret',
    `whsec_${'A'.repeat(30)}`,
    'whsec_????',
    `whsec_${Buffer.alloc(65).toString('base64')}`,
  ])('is not %j', (text) => expect(isSecret(text)).toBe(false));
});
