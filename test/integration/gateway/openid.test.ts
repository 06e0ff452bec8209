// Sign-in at an OpenID provider, which runs on this machine and lies where a test wants it.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import { addUser, changePassword, disable, enable } from '../../../src/core/access/manage-users.ts';
import { OpenIdProvider, type Pending } from '../../../src/core/access/openid-provider.ts';
import { SessionCheck } from '../../../src/core/access/session-check.ts';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import { CALLBACK_PATH } from '../../../src/core/config/config-values.ts';
import { returnPath } from '../../../src/http/access/openid-contract.ts';
import { actor } from '../../helpers/actor.ts';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';
import { startProvider, stopProviders, type TestProvider } from '../../helpers/openid-provider.ts';
import { until } from '../../helpers/wait.ts';

const REDIRECT = `http://localhost${CALLBACK_PATH}`;
let given: Given;
let context: ReturnType<typeof testContext>;
let provider: TestProvider;

it.beforeEach(async ({ given: one, onTestFinished }) => {
  given = one;
  context = testContext(given.db);
  onTestFinished(() => context.close());
  provider = await startProvider();
});
afterEach(async () => {
  await stopProviders();
  await stopGateways();
});

const oidcOf = ({ issuer, clientId, clientSecret }: TestProvider) => ({
  ...{ issuer, client_id: clientId, client_secret: clientSecret, redirect_uri: REDIRECT },
});
const start = (oidc: object = {}, server: object = {}) =>
  startGateway(given.db, { server: { auth: 'keys', oidc: { ...oidcOf(provider), ...oidc }, ...server } });
const alice = () => addUser(context, { name: 'alice', role: 'operator', password: null }, actor());
const cookieOf = (set: string[], name: string) => set.find((one) => one.startsWith(`${name}=`))?.split(';')[0];

async function ask(url: string | URL, headers: Record<string, string> = {}) {
  const response = await fetch(url, { redirect: 'manual', headers });
  const text = await response.text();
  const set = response.headers.getSetCookie();
  const json = text.startsWith('{') ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, set, text, json };
}

/** To the provider. */
async function begin(gateway: TestGateway, query = '', headers: Record<string, string> = {}) {
  const answer = await ask(`${gateway.url}/api/v1/session/oidc${query}`, headers);
  const [set = ''] = answer.set;
  return { ...answer, location: answer.headers.get('location') ?? '', cookie: set.split(';')[0]! };
}

/** And back: the path with its query. */
async function approved(location: string): Promise<string> {
  const back = new URL((await ask(location)).headers.get('location')!);
  return back.pathname + back.search;
}

/** All of it. `change`: of what comes back. */
async function signIn(gateway: TestGateway, change: (path: string) => string = (path) => path, at = gateway) {
  const { location, cookie } = await begin(gateway);
  const path = change(await approved(location));
  const answer = await ask(at.url + path, { cookie });
  return { ...answer, path, pending: cookie, session: cookieOf(answer.set, 'afd_session') };
}

const whoAmI = (gateway: TestGateway, cookie: string) =>
  gateway.call('/api/v1/session', undefined, { headers: { cookie } });
const sessions = () => given.session.rows(`SELECT 1 FROM ${given.db.names.session}`);
/** What the cookie of a sign-in says. */
const read = (cookie: string) => JSON.parse(Buffer.from(cookie.split('=')[1]!, 'base64url').toString());
const written = (value: object) => `afd_openid=${Buffer.from(JSON.stringify(value)).toString('base64url')}`;

describe('a sign-in at an OpenID provider', () => {
  it('begins the session of the user whom it names, by authorization code with PKCE', async () => {
    await alice();
    const gateway = await start();
    const { status, location, set, cookie } = await begin(gateway, '?return_to=/docs/errors%23E_KEY');
    expect(status).toBe(302);
    const asked = Object.fromEntries(new URL(location).searchParams);
    expect(asked).toMatchObject({
      ...{ response_type: 'code', client_id: provider.clientId, redirect_uri: REDIRECT, scope: 'openid profile' },
      ...{ code_challenge_method: 'S256', state: expect.stringMatching(/^[\w-]{43}$/) },
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(location.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
    expect(set).toEqual([expect.stringMatching(/^afd_openid=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)]);
    const path = await approved(location);
    const answer = await ask(gateway.url + path, { cookie: `other=1; ${cookie}` });
    expect([answer.status, answer.headers.get('refresh')]).toEqual([200, '0; url=/docs/errors#E_KEY']);
    expect(answer.text).toContain('<a href="/docs/errors#E_KEY">');
    expect(answer.set).toEqual([
      'afd_openid=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
      expect.stringMatching(/^afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/),
    ]);
    const session = cookieOf(answer.set, 'afd_session')!;
    expect((await whoAmI(gateway, session)).json.session).toMatchObject({ user: 'alice', role: 'operator' });
    const challenge = createHash('sha256').update(provider.form.get('code_verifier')!).digest('base64url');
    expect(challenge).toBe(asked.code_challenge);
    const rows = await given.session.rows(
      `SELECT action, object_id, source FROM ${given.db.names.auditLog} WHERE actor = 'user:alice'`,
    );
    expect(rows).toEqual([{ action: 'sessions.begin', object_id: 'alice', source: '127.0.0.1' }]);
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
    const [user] = await given.session.rows(`SELECT last_login_at FROM ${given.db.names.user}`);
    expect(user!.last_login_at).not.toBeNull();
    const said = gateway.lines.join('');
    const code = new URL(path, gateway.url).searchParams.get('code')!;
    for (const secret of [code, provider.clientSecret, session.split('=')[1]!]) expect(said).not.toContain(secret);
  });

  it('may end at another gateway than the one at which it began', async () => {
    await alice();
    const [a, b] = [await start(), await start()];
    const { status, session } = await signIn(a, undefined, b);
    expect(status).toBe(200);
    for (const gateway of [a, b]) expect((await whoAmI(gateway, session!)).json.session.user).toBe('alice');
  });

  it('has Secure cookies that no neighbouring host can set, wherever the browser speaks TLS', async () => {
    await alice();
    const gateway = await start({}, { trusted_proxies: ['127.0.0.1'] });
    const tls = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' };
    const { location, set, cookie } = await begin(gateway, '', tls);
    expect(set[0]).toMatch(/^__Host-afd_openid=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/);
    const path = await approved(location);
    const plain = await ask(gateway.url + path, { ...tls, cookie: cookie.replace('__Host-', '') });
    expect([plain.status, plain.json.code]).toEqual([401, 'E_LOGIN']);
    const answer = await ask(gateway.url + path, { ...tls, cookie });
    expect([answer.status, cookieOf(answer.set, '__Host-afd_session')]).toEqual([200, expect.any(String)]);
  });

  it('takes the name from what the provider tells of the person, where the ID token does not have it', async () => {
    await alice();
    const gateway = await start();
    provider.claimsIn = 'userinfo';
    expect((await signIn(gateway)).status).toBe(200);
    expect(provider.seen).toContain('GET /userinfo');
    // It must be of the same person.
    provider.forge = (claims) => ({ ...claims, sub: 'somebody-else' });
    expect((await signIn(gateway)).json.code).toBe('E_LOGIN');
  });

  it('takes an e-mail address as the name only when the provider has verified it', async () => {
    await addUser(context, { name: 'alice@example.test', role: 'viewer', password: null }, actor());
    const gateway = await start({ name_claim: 'email', scopes: 'openid email' });
    for (const email_verified of [false, undefined, 'true']) {
      provider.person = { ...provider.person, email_verified };
      expect((await signIn(gateway)).json.detail).toContain('has not verified the e-mail address');
    }
    provider.person.email_verified = true;
    expect((await signIn(gateway)).status).toBe(200);
  });

  it('is not there without server.oidc, nor where nobody is asked who they are', async () => {
    const without = await startGateway(given.db, { server: { auth: 'keys' } });
    const open = await start({}, { auth: 'none' });
    for (const gateway of [without, open])
      for (const path of ['/api/v1/session/oidc', `${CALLBACK_PATH}?state=x`])
        expect(await gateway.call(path)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });
});

describe('an answer of an OpenID provider is refused', () => {
  const refused = async (one: Awaited<ReturnType<typeof signIn>>) => {
    expect([one.status, one.json.code, one.session]).toEqual([401, 'E_LOGIN', undefined]);
    expect(await sessions()).toEqual([]);
    return one.json.detail as string;
  };

  it('with another state, and in another browser', async () => {
    await alice();
    const gateway = await start();
    const other = await signIn(gateway, (path) => path.replace(/state=[^&]+/, 'state=invented'));
    expect(await refused(other)).toContain('was not begun in this browser');
    const { location } = await begin(gateway);
    const path = await approved(location);
    const { cookie: strange } = await begin(gateway);
    for (const cookie of ['', strange, 'afd_openid=x', written({}), written([])]) {
      const answer = await ask(gateway.url + path, { cookie });
      expect(await refused({ ...answer, path, pending: cookie, session: undefined })).toContain('was not begun');
    }
    // None of them has cost the provider anything.
    expect(provider.seen).not.toContain('POST /token');
  });

  it('when it comes again', async () => {
    await alice();
    const gateway = await start();
    const { path, pending, status, set } = await signIn(gateway);
    expect(status).toBe(200);
    // The browser has forgotten the cookie; who has both gets nothing for them.
    expect(set[0]).toContain('afd_openid=; Path=/; Max-Age=0');
    for (const cookie of ['', pending]) {
      const again = await ask(gateway.url + path, { cookie });
      expect([again.status, again.json.code]).toEqual([401, 'E_LOGIN']);
      expect(cookieOf(again.set, 'afd_session')).toBeUndefined();
    }
    expect(await sessions()).toHaveLength(1);
  });

  it('with another PKCE verifier, by the provider', async () => {
    await alice();
    const gateway = await start();
    const { location, cookie } = await begin(gateway);
    const path = await approved(location);
    const pending = written({ ...read(cookie), verifier: read((await begin(gateway)).cookie).verifier });
    const answer = await ask(gateway.url + path, { cookie: pending });
    expect(await refused({ ...answer, path, pending, session: undefined })).toContain('it answered invalid_grant');
  });

  const second = () => Math.floor(Date.now() / 1000);
  it.for<[string, (claims: Record<string, unknown>) => Record<string, unknown>]>([
    ['another nonce', (claims) => ({ ...claims, nonce: 'another' })],
    ['no nonce', ({ nonce: _, ...claims }) => claims],
    ['an ID token that has expired', (claims) => ({ ...claims, exp: second() - 60 })],
    ['an ID token for another client', (claims) => ({ ...claims, aud: 'another' })],
    [
      'an ID token for another client as well',
      (claims) => ({ ...claims, aud: [claims.aud, 'another'], azp: 'another' }),
    ],
    ['an ID token of another issuer', (claims) => ({ ...claims, iss: 'https://another.example' })],
    ['no subject', ({ sub: _, ...claims }) => claims],
    ['a name that is no text', (claims) => ({ ...claims, preferred_username: ['alice'] })],
  ])('with %s', async ([, forge]) => {
    await alice();
    const gateway = await start();
    provider.forge = forge;
    expect(await refused(await signIn(gateway))).toMatch(/its answer is not valid|does not say preferred_username/);
    expect(gateway.lines.some((line) => line.includes('a sign-in by OpenID Connect was refused'))).toBe(true);
  });

  it('with an ID token that another key has signed', async () => {
    await alice();
    const gateway = await start();
    provider.key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    expect(await refused(await signIn(gateway))).toContain('its answer is not valid');
  });

  it('with the answer of another issuer, and when the provider signs nobody in', async () => {
    await alice();
    const gateway = await start();
    const mixed = await signIn(gateway, (path) => path.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fanother.example'));
    await refused(mixed);
    const denied = await signIn(gateway, (path) => path.replace(/code=[^&]+/, 'error=access_denied'));
    expect(await refused(denied)).toContain('it answered access_denied');
    const odd = await signIn(gateway, (path) => path.replace(/code=[^&]+/, 'error=<script>'));
    expect(await refused(odd)).toContain('it answered with an error');
  });

  it('and not for a clock that is seconds ahead', async () => {
    await alice();
    const gateway = await start();
    provider.forge = (claims) => ({ ...claims, exp: second() - 10 });
    expect((await signIn(gateway)).status).toBe(200);
  });
});

describe('whom an OpenID provider signs in', () => {
  it('is a user without a password who is not disabled, and nobody else', async () => {
    const gateway = await start();
    const tried = async (name: unknown) => {
      provider.person = { sub: `of ${name}`, preferred_username: name };
      const { status, json, session } = await signIn(gateway);
      return session === undefined ? [status, json.code] : (await whoAmI(gateway, session)).json.session.user;
    };
    await addUser(context, { name: 'root', role: 'admin', password: 'correct horse battery' }, actor());
    await alice();
    for (const name of ['nobody', 'root', '', 'àlice', 'alice ', `alice'; --`, 'a'.repeat(2000)])
      expect([name, ...(await tried(name))]).toEqual([name, 401, 'E_LOGIN']);
    await disable(context, 'alice', actor());
    expect(await tried('alice')).toEqual([401, 'E_LOGIN']);
    await enable(context, 'alice', actor());
    expect(await tried('Alice')).toBe('alice');
  });

  it('is the person who came first with the name, until the user is another one', async () => {
    await alice();
    const gateway = await start();
    for (let n = 0; n < 2; n += 1) expect((await signIn(gateway)).status).toBe(200);
    provider.person.sub = 'subject-2';
    expect((await signIn(gateway)).json.code).toBe('E_LOGIN');
    await changePassword(context, 'alice', 'correct horse battery', actor());
    provider.person.sub = 'subject-1';
    expect((await signIn(gateway)).json.code).toBe('E_LOGIN');
  });

  it('is one person when two come at one moment', async () => {
    await alice();
    const gateway = await start();
    const ways = await Promise.all(
      ['subject-1', 'subject-2', 'subject-1', 'subject-2'].map(async (sub) => {
        const { location, cookie } = await begin(gateway);
        return { sub, cookie, path: await approved(location) };
      }),
    );
    const subjects = new Map(ways.map(({ cookie, sub }) => [read(cookie).nonce, sub]));
    provider.forge = (claims) => ({ ...claims, sub: subjects.get(claims.nonce as string) });
    const ends = await Promise.all(
      ways.map(async ({ sub, cookie, path }) => ({ sub, status: (await ask(gateway.url + path, { cookie })).status })),
    );
    const inside = ends.filter((one) => one.status === 200);
    expect(inside).toHaveLength(2);
    expect(new Set(inside.map((one) => one.sub)).size).toBe(1);
  });

  it('signs in with no password, and has no session any more when disabled', async () => {
    await alice();
    const gateway = await start();
    const { session } = await signIn(gateway);
    for (const password of ['', 'null', 'x']) {
      const tried = await gateway.call('/api/v1/session', { user: 'alice', password });
      expect(tried.json.code).toMatch(/^E_LOGIN|E_USAGE$/);
    }
    await disable(context, 'alice', actor());
    const check = new SessionCheck((work) => work({ ...context, session: async () => given.session }));
    expect(await check.check(session!.split('=')[1]!)).toEqual({ refusal: expect.stringContaining('has ended') });
    expect((await signIn(gateway)).json.code).toBe('E_LOGIN');
  });
});

describe('a return path', () => {
  const HOSTILE = [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '',
    'docs',
    '\\\\e',
  ];
  HOSTILE.push(
    '/\t/evil.example',
    '/\n/evil.example',
    '\t//evil.example',
    '/%0d%0aset-cookie:x=1\r\n',
    '/docs x',
    '/é',
  );

  it('is one of this gateway, or the sign-in does not begin', async () => {
    const gateway = await start();
    for (const path of HOSTILE) {
      const { status, json, location } = await begin(gateway, `?return_to=${encodeURIComponent(path)}`);
      expect([path, status, json?.code, location]).toEqual([path, 400, 'E_USAGE', '']);
    }
    expect((await begin(gateway, '?return_to=/a&return_to=//b')).status).toBe(400);
  });

  it('is checked again when the browser brings it back', async () => {
    await alice();
    const gateway = await start();
    for (const return_to of HOSTILE) {
      const { location, cookie } = await begin(gateway);
      const path = await approved(location);
      const answer = await ask(gateway.url + path, { cookie: written({ ...read(cookie), return_to }) });
      expect([return_to, answer.json?.detail]).toEqual([return_to, expect.stringContaining('was not begun')]);
      expect(answer.headers.get('refresh')).toBeNull();
    }
  });

  it('never leads a browser to another host', () => {
    const parts = [
      '/',
      '//',
      '\\',
      '.',
      '..',
      '@',
      ':',
      'evil.example',
      '?',
      '#',
      '%2f',
      '"',
      "'",
      '<',
      ';',
      ',',
      'http:',
    ];
    let kept = 0;
    for (const a of parts)
      for (const b of parts)
        for (const c of parts) {
          const path = `/${a}${b}${c}`;
          if (!returnPath.safeParse(path).success) continue;
          kept += 1;
          expect([path, new URL(path, 'https://afd.example/api/v1/x').host]).toEqual([path, 'afd.example']);
        }
    expect(kept).toBeGreaterThan(1000);
  });
});

describe('an OpenID provider that is away', () => {
  it('hurts nobody else, and is asked once in a while', async () => {
    await alice();
    const gateway = await start();
    provider.instead.set('/.well-known/openid-configuration', 500);
    const many = await Promise.all(Array.from({ length: 50 }, () => begin(gateway)));
    for (const one of many) {
      expect([one.status, one.json.code]).toEqual([503, 'E_TEMPORARY']);
      expect(one.headers.get('retry-after')).not.toBeNull();
    }
    expect((await begin(gateway)).status).toBe(503);
    expect(provider.seen).toHaveLength(1);
    expect(gateway.lines.filter((line) => line.includes('does not answer as it should'))).toHaveLength(1);
  });

  it('lets requests go on that have nothing to do with it, also while it is silent', async () => {
    await addUser(context, { name: 'bob', role: 'viewer', password: 'correct horse battery' }, actor());
    const gateway = await start();
    provider.instead.set('/.well-known/openid-configuration', undefined);
    const waiting = Promise.all(Array.from({ length: 50 }, () => begin(gateway)));
    await until(() => provider.seen.length > 0);
    const bob = await gateway.call('/api/v1/session', { user: 'bob', password: 'correct horse battery' });
    expect(bob.status).toBe(200);
    await provider.stop();
    for (const one of await waiting) expect(one.status).toBe(503);
    expect(provider.seen).toHaveLength(1);
  });

  const direct = (now: () => number, told: string[] = []) => {
    const { issuer, clientId, clientSecret } = provider;
    const settings = { issuer: new URL(issuer), clientId, clientSecret, redirectUri: REDIRECT };
    const names = { scopes: 'openid', nameClaim: 'preferred_username' };
    return new OpenIdProvider({ ...settings, ...names }, (one) => told.push(one), { now, timeoutS: 2 });
  };

  it('is asked again after five seconds, and what it says of itself holds for an hour', async () => {
    let now = 0;
    const told: string[] = [];
    const one = direct(() => now, told);
    provider.instead.set('/.well-known/openid-configuration', undefined);
    await expect(one.begin()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
    expect(told).toEqual([expect.stringContaining('timed out')]);
    provider.instead.clear();
    now = 4999;
    await expect(one.begin()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
    now = 5000;
    for (let n = 0; n < 5; n += 1) expect((await one.begin()).url).toContain('/authorize?');
    expect(provider.seen).toHaveLength(2);
    now = 5000 + 3_600_000;
    await one.begin();
    expect(provider.seen).toHaveLength(3);
  });

  it('that does not exchange the code gets no more than a few at a time, and is left alone then', async () => {
    let now = 0;
    const one = direct(() => now);
    const begun = async () => {
      const { url, pending } = await one.begin();
      return [new URL(await approved(url), REDIRECT).search, pending] as [string, Pending];
    };
    const ways = await Promise.all(Array.from({ length: 12 }, begun));
    provider.instead.set('/token', undefined);
    const ends = await Promise.allSettled(ways.map(([query, pending]) => one.finish(query, pending, '192.0.2.1')));
    expect(ends.every((end) => end.status === 'rejected' && end.reason.code === 'E_TEMPORARY')).toBe(true);
    const tokens = () => provider.seen.filter((path) => path === 'POST /token').length;
    expect(tokens()).toBe(10);
    await expect(one.finish(...ways[0]!, '192.0.2.2')).rejects.toMatchObject({ code: 'E_TEMPORARY' });
    expect(tokens()).toBe(10);
    now = 5000;
    provider.instead.clear();
    expect(await one.finish(...ways[11]!, '192.0.2.2')).toMatchObject({ name: 'alice' });
  });

  it('that answers with an error is for one person alone', async () => {
    await alice();
    const gateway = await start();
    provider.instead.set('/token', 502);
    expect((await signIn(gateway)).json.code).toBe('E_TEMPORARY');
    provider.instead.clear();
    expect((await signIn(gateway)).status).toBe(200);
    provider.clientSecret = 'another';
    expect((await signIn(gateway)).json.detail).toContain('it answered invalid_client');
  });
});
