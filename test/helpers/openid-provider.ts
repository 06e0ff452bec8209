// An OpenID provider on this machine: authorization code with PKCE, as the standards say it, and lies where a test wants them. Everybody
// who comes is signed in at once.
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen } from './sockets.ts';

type Claims = Record<string, unknown>;

export interface TestProvider {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Who signs in; `sub` is always in the ID token, the rest where `claimsIn` says. */
  person: Claims & { sub: string };
  claimsIn: 'id_token' | 'userinfo';
  /** What becomes of the claims of the next ID tokens. */
  forge(claims: Claims): Claims;
  /** By which they are signed. */
  key: KeyObject;
  /** Answers in place of a path: a status, or undefined = none, ever. */
  instead: Map<string, number | undefined>;
  /** `GET /authorize` and so on, in the order in which they came. */
  seen: string[];
  /** What the token endpoint was sent last. */
  form: URLSearchParams;
  stop(): Promise<void>;
}

const running: TestProvider[] = [];

export async function startProvider({ port = 0 } = {}): Promise<TestProvider> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const codes = new Map<string, URLSearchParams>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const issuer = `http://127.0.0.1:${await listen(server, port)}`;
  const one: TestProvider = {
    ...{ issuer, clientId: 'afd-test', clientSecret: 'canary of the client' },
    person: { sub: 'subject-1', preferred_username: 'alice', email: 'alice@example.test', email_verified: true },
    ...{ claimsIn: 'id_token', forge: (claims) => claims, key: privateKey },
    ...{ instead: new Map(), seen: [], form: new URLSearchParams() },
    async stop() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  const token = ({ nonce }: { nonce: string | null }) => {
    const { sub, ...rest } = one.person;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub, aud: one.clientId, iat: now, exp: now + 300, nonce };
    const all = one.forge({ ...claims, ...(one.claimsIn === 'id_token' ? rest : {}) });
    const body = [{ alg: 'RS256', kid: 'one' }, all]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${body}.${sign('sha256', Buffer.from(body), one.key).toString('base64url')}`;
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, issuer);
    one.seen.push(`${request.method} ${pathname}`);
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (one.instead.has(pathname)) {
      const status = one.instead.get(pathname);
      if (status !== undefined) response.writeHead(status).end();
      return;
    }
    if (pathname === '/.well-known/openid-configuration') json(200, metadata(issuer));
    else if (pathname === '/jwks')
      json(200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] });
    else if (pathname === '/authorize') {
      const code = randomUUID();
      codes.set(code, searchParams);
      const back = new URL(searchParams.get('redirect_uri')!);
      for (const [name, value] of Object.entries({ code, state: searchParams.get('state')!, iss: issuer }))
        back.searchParams.set(name, value);
      response.writeHead(302, { location: back.href }).end();
    } else if (pathname === '/token') {
      one.form = new URLSearchParams(await text(request));
      const asked = codes.get(one.form.get('code') ?? '');
      // A code is for one use.
      codes.delete(one.form.get('code') ?? '');
      if (!isClient(request, one)) json(401, { error: 'invalid_client' });
      else if (asked === undefined || !fits(asked, one.form)) json(400, { error: 'invalid_grant' });
      else json(200, { access_token: 'access', token_type: 'Bearer', id_token: token({ nonce: asked.get('nonce') }) });
    } else if (pathname === '/userinfo' && request.headers.authorization === 'Bearer access') json(200, one.person);
    else json(404, { error: 'not_found' });
  }
  running.push(one);
  return one;
}

/** For afterEach. */
export async function stopProviders(): Promise<void> {
  await Promise.all(running.splice(0).map((one) => one.stop()));
}

function metadata(issuer: string): object {
  const at = (path: string) => `${issuer}/${path}`;
  return {
    issuer,
    ...{ authorization_endpoint: at('authorize'), token_endpoint: at('token') },
    ...{ jwks_uri: at('jwks'), userinfo_endpoint: at('userinfo') },
    ...{ response_types_supported: ['code'], subject_types_supported: ['public'] },
    ...{ id_token_signing_alg_values_supported: ['RS256'], code_challenge_methods_supported: ['S256'] },
    ...{ token_endpoint_auth_methods_supported: ['client_secret_basic'] },
    authorization_response_iss_parameter_supported: true,
  };
}

/** PKCE, and the address that was asked for. */
function fits(asked: URLSearchParams, form: URLSearchParams): boolean {
  const verifier = form.get('code_verifier') ?? '';
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const wanted = { code_challenge_method: 'S256', code_challenge: challenge, redirect_uri: form.get('redirect_uri') };
  return Object.entries(wanted).every(([name, value]) => asked.get(name) === value);
}

function isClient({ headers }: IncomingMessage, { clientId, clientSecret }: TestProvider): boolean {
  const pair = Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
  const [id, secret] = pair.split(':').map((one) => decodeURIComponent(one.replaceAll('+', ' ')));
  return id === clientId && secret === clientSecret;
}
