// RB18: ten thousand log-ins that fail, all at one gateway. Alone on the machine, which they keep busy.
import { afterEach, expect } from 'vitest';
import { makeKey } from '../../../src/core/access/manage-keys.ts';
import { addUser } from '../../../src/core/access/manage-users.ts';
import { actor } from '../../helpers/actor.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';

const ALICE = { user: 'alice', password: 'correct horse battery' };
const GUESSES = 10_000;

afterEach(stopGateways);

it('RB18 ten thousand failed log-ins from one address hurt nobody else', {
  timeout: 240_000,
}, async ({ given, onTestFinished }) => {
  const context = testContext(given.db);
  onTestFinished(() => context.close());
  await addUser(context, { name: ALICE.user, role: 'viewer', password: ALICE.password }, actor());
  const viewer = { name: 'page', role: 'viewer', device_id: null, lifetimeS: 3600 } as const;
  const { text } = await makeKey(context, viewer, actor());
  const { call } = await startGateway(given.db, {
    server: { auth: 'keys', trusted_proxies: ['127.0.0.1'] },
    limits: { requestsPerAddress: 100_000 },
  });
  const signIn = (body: object, address: string) =>
    call('/api/v1/session', body, { headers: { 'x-forwarded-for': address } });
  const codes = new Map<string, number>();
  let left = GUESSES;
  const guess = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { json } = await signIn({ user: `user${left % 50}`, password: 'wrong horse battery' }, '203.0.113.9');
      codes.set(json.code, (codes.get(json.code) ?? 0) + 1);
    }
  };
  const guesses = Promise.all(Array.from({ length: 50 }, guess));
  // What fails first is told; the other is not to be an error of nobody.
  guesses.catch(() => {});
  for (let others = 0; left > 0; others += 1) {
    const { status, json } = await call('/api/v1/session', undefined, { headers: { authorization: `Bearer ${text}` } });
    expect([status, json.detail]).toEqual([200, undefined]);
    if (others % 50 > 0) continue;
    const alice = await signIn(ALICE, '198.51.100.1');
    expect([alice.status, alice.json.detail]).toEqual([200, undefined]);
  }
  await guesses;
  expect([...codes.keys()].filter((code) => !['E_LOGIN', 'E_LOCKED', 'E_TEMPORARY'].includes(code))).toEqual([]);
  expect(codes.get('E_LOGIN')).toBeLessThanOrEqual(20);
  expect([...codes.values()].reduce((sum, n) => sum + n, 0)).toBe(GUESSES);
  expect((await given.session.rows(`SELECT 1 FROM ${given.db.names.loginFailure}`)).length).toBeLessThanOrEqual(20);
});
