// An OpenID provider that lies, fails or is away, and what is believed of it.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenIdProvider } from '../../../../src/core/access/openid-provider.ts';
import { startProvider, stopProviders, type TestProvider } from '../../../helpers/openid-provider.ts';

const REDIRECT = 'http://localhost/api/v1/session/oidc/callback';
const DISCOVERY = '/.well-known/openid-configuration';
let provider: TestProvider;
let now: number;
let told: string[];
let client: OpenIdProvider;

const clientOf = (nameClaim = 'preferred_username') => {
  const { issuer, clientId, clientSecret } = provider;
  const settings = { issuer: new URL(issuer), clientId, clientSecret, redirectUri: REDIRECT, scopes: 'openid' };
  const clock = { now: () => now, timeoutS: 2 };
  return new OpenIdProvider({ ...settings, nameClaim }, (sentence) => told.push(sentence), clock);
};
beforeEach(async () => {
  provider = await startProvider();
  [now, told] = [0, []];
  client = clientOf();
});
afterEach(stopProviders);

/** A sign-in with whose answer the browser has come back. */
async function approved() {
  const { url, pending } = await client.begin();
  const { headers } = await fetch(url, { redirect: 'manual' });
  return { query: new URL(headers.get('location')!).search, pending, asked: new URL(url).searchParams };
}
type Approved = Awaited<ReturnType<typeof approved>>;
const finish = ({ query, pending }: Pick<Approved, 'query' | 'pending'>, network = '192.0.2.1') =>
  client.finish(query, pending, network);
const signIn = async () => finish(await approved());
const temporary = { code: 'E_TEMPORARY' };
const refused = (says: RegExp | string) => ({ code: 'E_LOGIN', message: expect.stringMatching(says) });
const seconds = () => Math.floor(Date.now() / 1000);

describe('whom an OpenID provider signs in', () => {
  it('is asked by authorization code with PKCE', async () => {
    const one = await approved();
    expect(await finish(one)).toMatchObject({ name: 'alice' });
    const random = expect.stringMatching(/^[\w-]{43}$/);
    expect(Object.fromEntries(one.asked)).toMatchObject({
      ...{ response_type: 'code', client_id: provider.clientId, redirect_uri: REDIRECT, scope: 'openid' },
      ...{ code_challenge_method: 'S256', state: random, nonce: random },
      code_challenge: createHash('sha256').update(provider.form.get('code_verifier')!).digest('base64url'),
    });
    await expect(finish(one), 'a code is for one use').rejects.toMatchObject(refused('it answered invalid_grant'));
  });

  it('has the name that the provider tells of the same person, where the ID token has none', async () => {
    provider.claimsIn = 'userinfo';
    expect(await signIn()).toMatchObject({ name: 'alice' });
    provider.forge = (claims) => ({ ...claims, sub: 'somebody-else' });
    await expect(signIn()).rejects.toMatchObject(refused(''));
  });

  it('has an e-mail address as the name only when the provider has verified it', async () => {
    client = clientOf('email');
    expect(await signIn()).toMatchObject({ name: 'alice@example.test' });
    for (const email_verified of [false, undefined, 'true']) {
      provider.person = { ...provider.person, email_verified };
      await expect(signIn()).rejects.toMatchObject(refused('has not verified the e-mail address'));
    }
  });

  it('is believed of a clock that is seconds ahead', async () => {
    provider.forge = (claims) => ({ ...claims, exp: seconds() - 10 });
    expect(await signIn()).toMatchObject({ name: 'alice' });
  });
});

describe('an answer of an OpenID provider is refused', () => {
  it.each<[string, (claims: Record<string, unknown>) => Record<string, unknown>]>([
    ['another nonce', (claims) => ({ ...claims, nonce: 'another' })],
    ['no nonce', ({ nonce: _, ...claims }) => claims],
    ['an ID token that has expired', (claims) => ({ ...claims, exp: seconds() - 60 })],
    ['an ID token for another client', (claims) => ({ ...claims, aud: 'another' })],
    ['an ID token of another issuer', (claims) => ({ ...claims, iss: 'https://another.example' })],
    ['a name that is no text', (claims) => ({ ...claims, preferred_username: ['alice'] })],
  ])('with %s', async (_, forge) => {
    provider.forge = forge;
    await expect(signIn()).rejects.toMatchObject(refused(/its answer is not valid|does not say preferred_username/));
    expect(told).toEqual([expect.stringContaining('a sign-in by OpenID Connect was refused')]);
  });

  it.each<[string, RegExp, string, string]>([
    ['of another issuer', /iss=[^&]+/, 'iss=https%3A%2F%2Fanother.example', ''],
    ['that signs nobody in', /code=[^&]+/, 'error=access_denied', 'it answered access_denied'],
    ['that echoes a page', /code=[^&]+/, 'error=<script>', 'it answered with an error'],
  ])('%s', async (_, found, instead, says) => {
    const { query, pending } = await approved();
    await expect(finish({ query: query.replace(found, instead), pending })).rejects.toMatchObject(refused(says));
  });

  it('with another PKCE verifier, or signed by another key', async () => {
    const [one, other] = [await approved(), await approved()];
    const mixed = { ...one, pending: { ...one.pending, verifier: other.pending.verifier } };
    await expect(finish(mixed)).rejects.toMatchObject(refused('it answered invalid_grant'));
    provider.key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    await expect(finish(other)).rejects.toMatchObject(refused('its answer is not valid'));
  });
});

describe('an OpenID provider that is away', () => {
  it('is asked once by many, and again after five seconds; what it says of itself holds for an hour', async () => {
    provider.instead.set(DISCOVERY, undefined);
    const many = await Promise.allSettled(Array.from({ length: 50 }, () => client.begin()));
    expect(many.every((one) => one.status === 'rejected' && one.reason.code === 'E_TEMPORARY')).toBe(true);
    expect(told).toEqual([expect.stringContaining('timed out')]);
    provider.instead.clear();
    now = 4999;
    await expect(client.begin()).rejects.toMatchObject(temporary);
    expect(provider.seen).toHaveLength(1);
    for (const [at, seen] of [
      [5000, 2],
      [3_604_999, 2],
      [3_605_000, 3],
    ] as const) {
      now = at;
      await client.begin();
      expect(provider.seen).toHaveLength(seen);
    }
  });

  it('that does not exchange the code gets no more than a few at a time, and is left alone then', async () => {
    const ways = await Promise.all(Array.from({ length: 12 }, () => approved()));
    provider.instead.set('/token', undefined);
    const ends = await Promise.allSettled(ways.map((way) => finish(way)));
    expect(ends.every((end) => end.status === 'rejected' && end.reason.code === 'E_TEMPORARY')).toBe(true);
    await expect(finish(ways[0]!, '192.0.2.2')).rejects.toMatchObject(temporary);
    expect(provider.seen.filter((path) => path === 'POST /token')).toHaveLength(10);
    now = 5000;
    provider.instead.clear();
    expect(await finish(ways[11]!, '192.0.2.2')).toMatchObject({ name: 'alice' });
  });

  it('that answers with an error is for one person alone', async () => {
    provider.instead.set('/token', 502);
    await expect(signIn()).rejects.toMatchObject(temporary);
    provider.instead.clear();
    expect(await signIn()).toMatchObject({ name: 'alice' });
    provider.clientSecret = 'another';
    await expect(signIn()).rejects.toMatchObject(refused('it answered invalid_client'));
  });
});
