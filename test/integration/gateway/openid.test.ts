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
  const json = text.startsWith('{') ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, set: response.headers.getSetCookie(), text, json };
}

/** To the provider, which approves: the way back, as a path with its query. */
async function begin(gateway: TestGateway, query = '') {
  const { status, set, headers: answered } = await ask(`${gateway.url}/api/v1/session/oidc${query}`);
  const location = answered.get('location')!;
  const back = new URL((await ask(location)).headers.get('location')!);
  return { status, set, location, cookie: set[0]!.split(';')[0]!, path: back.pathname + back.search };
}

async function signIn(gateway: TestGateway) {
  const { path, cookie } = await begin(gateway);
  const answer = await ask(gateway.url + path, { cookie });
  return { ...answer, session: cookieOf(answer.set, 'afd_session') };
}

const whoAmI = async (gateway: TestGateway, cookie: string) =>
  (await gateway.call('/api/v1/session', undefined, { headers: { cookie } })).json.session;
/** What the cookie of a sign-in says. */
const read = (cookie: string) => JSON.parse(Buffer.from(cookie.split('=')[1]!, 'base64url').toString());
const written = (value: object) => `afd_openid=${Buffer.from(JSON.stringify(value)).toString('base64url')}`;

describe('a sign-in at an OpenID provider', () => {
  it('begins the session of the user whom it names, at whichever gateway it ends', async () => {
    const [first, gateway] = [await start(), await start()];
    const { status, location, set, cookie, path } = await begin(first, '?return_to=/docs/errors%23E_KEY');
    expect([status, location.split('?')[0]]).toEqual([302, `${provider.issuer}/authorize`]);
    expect(set).toEqual([expect.stringMatching(/^afd_openid=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)]);
    const answer = await ask(gateway.url + path, { cookie });
    expect([answer.status, answer.headers.get('refresh')]).toEqual([200, '0; url=/docs/errors#E_KEY']);
    expect(answer.text).toContain('<a href="/docs/errors#E_KEY">');
    expect(answer.set).toEqual([
      'afd_openid=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
      expect.stringMatching(/^afd_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/),
    ]);
    const session = cookieOf(answer.set, 'afd_session')!;
    expect(await whoAmI(first, session)).toMatchObject({ user: 'alice', role: 'operator' });
    expect((await audited()).at(-1)).toBe('user:alice sessions.begin alice');
    expect(await verifyAudit(context)).toMatchObject({ intact: true });
    const [alice] = await given.session.rows(`SELECT last_login_at FROM ${given.db.names.user}`);
    expect(alice!.last_login_at).not.toBeNull();
    const code = new URL(path, gateway.url).searchParams.get('code')!;
    for (const secret of [code, provider.clientSecret, session.split('=')[1]!])
      expect(gateway.lines.join('')).not.toContain(secret);
  });

  it('is not there without server.oidc, nor where nobody is asked who they are', async () => {
    const none = await startGateway(given.db, { server: { auth: 'none', oidc } });
    expect((await none.call('/api/v1/session', { user: 'alice', password: PASSWORD })).status).toBe(409);
    for (const gateway of [await startWith(), none])
      for (const path of ['/api/v1/session/oidc', `${CALLBACK_PATH}?state=x`])
        expect(await gateway.call(path)).toMatchObject({ status: 409, json: { code: 'E_CONFLICT' } });
  });

  it('goes back to a path of this gateway, or does not begin; that is checked again when it comes back', async () => {
    const gateway = await start();
    const elsewhere = await gateway.call('/api/v1/session/oidc?return_to=//evil.example');
    expect(elsewhere).toMatchObject({ status: 400, json: { code: 'E_USAGE' } });
    const { cookie, path } = await begin(gateway);
    const changed = written({ ...read(cookie), return_to: '//evil.example' });
    const answer = await ask(gateway.url + path, { cookie: changed });
    expect([answer.json.code, answer.headers.get('refresh')]).toEqual(['E_LOGIN', null]);
  });

  it('with another state, and in another browser, is refused before the provider is asked', async () => {
    const gateway = await start();
    const { cookie, path } = await begin(gateway);
    const { cookie: strange } = await begin(gateway);
    for (const [at, by] of [
      [path.replace(/state=[^&]+/, 'state=invented'), cookie],
      ...['', strange, 'afd_openid=x', written([])].map((other) => [path, other] as const),
    ] as const) {
      const { json } = await ask(gateway.url + at, { cookie: by });
      expect([by, json.code, json.detail]).toEqual([by, 'E_LOGIN', expect.stringContaining('was not begun in this')]);
    }
    expect(provider.seen).not.toContain('POST /token');
  });
});

describe('whom an OpenID provider signs in', () => {
  it('is a user without a password who is not disabled, and nobody else', async () => {
    const gateway = await start();
    const tried = async (name: unknown) => {
      provider.person = { sub: `of ${name}`, preferred_username: name };
      const { json, session } = await signIn(gateway);
      return session === undefined ? json.code : (await whoAmI(gateway, session)).user;
    };
    await user('root', 'admin');
    for (const name of ['nobody', 'root', '', 'àlice', 'alice ', 'a'.repeat(2000)])
      expect([name, await tried(name)]).toEqual([name, 'E_LOGIN']);
    await disable(context, 'alice', actor());
    expect(await tried('alice')).toBe('E_LOGIN');
    await enable(context, 'alice', actor());
    expect(await tried('Alice')).toBe('alice');
    expect((await gateway.call('/api/v1/session', { user: 'alice', password: 'null' })).json.code).toBe('E_LOGIN');
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
});
