// Sign-in at an OpenID provider over HTTP. What is believed of its answers: test/unit/core/access/openid-provider.test.ts.
import { afterEach, describe, expect } from 'vitest';
import { addUser, changePassword, disable, enable } from '../../../src/core/access/manage-users.ts';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import { CALLBACK_PATH } from '../../../src/core/config/config-values.ts';
import { type Access, eachWithAccess, type Headers, PASSWORD } from '../../helpers/access.ts';
import { actor } from '../../helpers/actor.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { startProvider, stopProviders, type TestProvider } from '../../helpers/openid-provider.ts';
import { until } from '../../helpers/wait.ts';

const DISCOVERY = '/.well-known/openid-configuration';
let { given, context, start: startWith, user, audited } = {} as Access;
let provider: TestProvider;
let oidc: Headers;
eachWithAccess((opened) => ({ given, context, start: startWith, user, audited } = opened));
it.beforeEach(async () => {
  provider = await startProvider();
  const { issuer, clientId: client_id, clientSecret: client_secret } = provider;
  oidc = { issuer, client_id, client_secret, redirect_uri: `http://localhost${CALLBACK_PATH}` };
  await addUser(context, { name: 'alice', role: 'operator', password: null }, actor());
});
afterEach(stopProviders);

const start = (server: object = {}) => startWith({ oidc, ...server });
const cookieOf = (set: string[], name: string) => set.find((one) => one.startsWith(`${name}=`))?.split(';')[0];

async function ask(url: string, headers: Headers = {}) {
  const response = await fetch(url, { redirect: 'manual', headers });
  const text = await response.text();
  const json = text.startsWith('{') ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, set: response.headers.getSetCookie(), text, json };
}

/** To the provider. */
async function begin(gateway: TestGateway, query = '', headers: Headers = {}) {
  const answer = await ask(`${gateway.url}/api/v1/session/oidc${query}`, headers);
  const [set = ''] = answer.set;
  return { ...answer, location: answer.headers.get('location') ?? '', cookie: set.split(';')[0]! };
}

/** And back: the path with its query. */
async function approved(location: string): Promise<string> {
  const back = new URL((await ask(location)).headers.get('location')!);
  return back.pathname + back.search;
}

async function signIn(gateway: TestGateway) {
  const { location, cookie } = await begin(gateway);
  const answer = await ask(gateway.url + (await approved(location)), { cookie });
  return { ...answer, session: cookieOf(answer.set, 'afd_session') };
}

const whoAmI = (gateway: TestGateway, cookie: string) =>
  gateway.call('/api/v1/session', undefined, { headers: { cookie } });
/** What the cookie of a sign-in says. */
const read = (cookie: string) => JSON.parse(Buffer.from(cookie.split('=')[1]!, 'base64url').toString());
const written = (value: object) => `afd_openid=${Buffer.from(JSON.stringify(value)).toString('base64url')}`;

describe('a sign-in at an OpenID provider', () => {
  it('begins the session of the user whom it names, at whichever gateway it ends', async () => {
    const [first, gateway] = [await start(), await start()];
    const { status, location, set, cookie } = await begin(first, '?return_to=/docs/errors%23E_KEY');
    expect(status).toBe(302);
    expect(location.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
    expect(set).toEqual([expect.stringMatching(/^afd_openid=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)]);
    const path = await approved(location);
    const answer = await ask(gateway.url + path, { cookie });
    expect([answer.status, answer.headers.get('refresh')]).toEqual([200, '0; url=/docs/errors#E_KEY']);
    expect(answer.text).toContain('<a href="/docs/errors#E_KEY">');
    expect(answer.set).toEqual([
      'afd_openid=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
      expect.stringMatching(/^afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/),
    ]);
    const session = cookieOf(answer.set, 'afd_session')!;
    for (const one of [first, gateway])
      expect((await whoAmI(one, session)).json.session).toMatchObject({ user: 'alice', role: 'operator' });
    expect((await audited()).at(-1)).toBe('user:alice sessions.begin alice');
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
    const [alice] = await given.session.rows(`SELECT last_login_at FROM ${given.db.names.user}`);
    expect(alice!.last_login_at).not.toBeNull();
    const code = new URL(path, gateway.url).searchParams.get('code')!;
    for (const secret of [code, provider.clientSecret, session.split('=')[1]!])
      expect(gateway.lines.join('')).not.toContain(secret);
  });

  it('has Secure cookies that no neighbouring host can set, wherever the browser speaks TLS', async () => {
    const gateway = await start({ trusted_proxies: ['127.0.0.1'] });
    const tls = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' };
    const { location, cookie } = await begin(gateway, '', tls);
    expect(cookie).toMatch(/^__Host-afd_openid=/);
    const path = await approved(location);
    const plain = await ask(gateway.url + path, { ...tls, cookie: cookie.replace('__Host-', '') });
    expect([plain.status, plain.json.code]).toEqual([401, 'E_LOGIN']);
    const answer = await ask(gateway.url + path, { ...tls, cookie });
    const session = cookieOf(answer.set, '__Host-afd_session')!;
    expect((await gateway.call('/api/v1/session', undefined, { headers: { ...tls, cookie: session } })).status).toBe(
      200,
    );
  });

  it('is not there without server.oidc, nor where nobody is asked who they are', async () => {
    for (const gateway of [await startWith(), await startGateway(given.db, { server: { auth: 'none', oidc } })])
      for (const path of ['/api/v1/session/oidc', `${CALLBACK_PATH}?state=x`])
        expect(await gateway.call(path)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });

  it('goes back to a path of this gateway, or does not begin; that is checked again when it comes back', async () => {
    const gateway = await start();
    for (const path of ['//evil.example', '/a&return_to=//b']) {
      const { status, json, location } = await begin(gateway, `?return_to=${path}`);
      expect([path, status, json.code, location]).toEqual([path, 400, 'E_USAGE', '']);
    }
    const { location, cookie } = await begin(gateway);
    const changed = written({ ...read(cookie), return_to: '//evil.example' });
    const answer = await ask(gateway.url + (await approved(location)), { cookie: changed });
    expect(answer.json.detail).toContain('was not begun');
    expect(answer.headers.get('refresh')).toBeNull();
  });
});

describe('an answer of an OpenID provider is refused', () => {
  it('with another state, and in another browser', async () => {
    const gateway = await start();
    const { location, cookie } = await begin(gateway);
    const path = await approved(location);
    const { cookie: strange } = await begin(gateway);
    const invented = path.replace(/state=[^&]+/, 'state=invented');
    for (const [at, by] of [
      [invented, cookie],
      ...['', strange, 'afd_openid=x', written({}), written([])].map((other) => [path, other]),
    ] as Array<[string, string]>) {
      const answer = await ask(gateway.url + at, { cookie: by });
      expect([by, answer.status, answer.json.code]).toEqual([by, 401, 'E_LOGIN']);
      expect(answer.json.detail).toContain('was not begun in this browser');
    }
    // None of them has cost the provider anything.
    expect(provider.seen).not.toContain('POST /token');
    expect(await given.session.rows(`SELECT 1 FROM ${given.db.names.session}`)).toEqual([]);
  });
});

describe('whom an OpenID provider signs in', () => {
  it('is a user without a password who is not disabled, and nobody else', async () => {
    const gateway = await start();
    const tried = async (name: unknown) => {
      provider.person = { sub: `of ${name}`, preferred_username: name };
      const { json, session } = await signIn(gateway);
      return session === undefined ? json.code : (await whoAmI(gateway, session)).json.session.user;
    };
    await user('root', 'admin');
    for (const name of ['nobody', 'root', '', 'àlice', 'alice ', `alice'; --`, 'a'.repeat(2000)])
      expect([name, await tried(name)]).toEqual([name, 'E_LOGIN']);
    await disable(context, 'alice', actor());
    expect(await tried('alice')).toBe('E_LOGIN');
    await enable(context, 'alice', actor());
    expect(await tried('Alice')).toBe('alice');
    for (const password of ['', 'null', 'x'])
      expect((await gateway.call('/api/v1/session', { user: 'alice', password })).json.code).toMatch(
        /^E_(LOGIN|USAGE)$/,
      );
  });

  it('is the person who came first with the name, until the user is another one', async () => {
    const gateway = await start();
    for (let n = 0; n < 2; n += 1) expect((await signIn(gateway)).status).toBe(200);
    provider.person.sub = 'subject-2';
    expect((await signIn(gateway)).json.code).toBe('E_LOGIN');
    await changePassword(context, 'alice', PASSWORD, actor());
    provider.person.sub = 'subject-1';
    expect((await signIn(gateway)).json.code).toBe('E_LOGIN');
  });

  it('is one person when two come at one moment', async () => {
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
});

it('an OpenID provider that is silent holds up nobody else', async () => {
  await user('bob', 'viewer');
  const gateway = await start();
  provider.instead.set(DISCOVERY, undefined);
  const waiting = Promise.all(Array.from({ length: 50 }, () => begin(gateway)));
  await until(() => provider.seen.length > 0);
  expect((await gateway.call('/api/v1/session', { user: 'bob', password: PASSWORD })).status).toBe(200);
  await provider.stop();
  for (const one of await waiting) {
    expect([one.status, one.json.code]).toEqual([503, 'E_TEMPORARY']);
    expect(one.headers.get('retry-after')).not.toBeNull();
  }
  expect(provider.seen).toHaveLength(1);
});
