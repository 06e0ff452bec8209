// What a gateway asks of browsers that send a cookie, and which cookie it is.
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { crossSite, strangeOrigin } from '../../../src/gateway/protection/same-origin.ts';
import {
  openIdCookie,
  openIdCookieOf,
  sessionCookie,
  sessionCookieOf,
} from '../../../src/gateway/protection/session-cookie.ts';
import { returnPath } from '../../../src/http/access/openid-contract.ts';

const request = (headers: Record<string, string>, more: object = {}) =>
  ({ method: 'POST', host: 'afd.example', protocol: 'http', ip: '127.0.0.1', headers, ...more }) as FastifyRequest;
const JSON_TYPE = { 'content-type': 'application/json' };
const OWN = { ...JSON_TYPE, 'sec-fetch-site': 'same-origin' };
const ORIGIN = 'https://afd.example';

describe('RB12 a request by a page', () => {
  it.each<Record<string, string>>([
    ...['cross-site', 'same-site', 'none', ''].map((site) => ({ 'sec-fetch-site': site })),
    { 'sec-fetch-site': 'cross-site', origin: ORIGIN },
    ...['https://evil.example', 'null', `${ORIGIN}.evil.example`].map((origin) => ({ origin })),
  ])('elsewhere, which says %j, is refused', (headers) => {
    expect(crossSite(request({ ...JSON_TYPE, ...headers }))).toContain('must come from a page of this gateway');
    expect(strangeOrigin(request(headers))).toContain('must come from a page of this gateway');
  });

  it.each(['text/plain', 'application/jsonp', ''])('is refused as "%s", which a page elsewhere can send', (type) => {
    expect(crossSite(request({ ...OWN, 'content-type': type }))).toContain('must be sent as application/json');
  });

  it('of this gateway is not refused; only a log-in may come from no page', () => {
    for (const headers of [OWN, { ...JSON_TYPE, origin: ORIGIN }])
      expect([crossSite(request(headers)), strangeOrigin(request(headers))]).toEqual([undefined, undefined]);
    expect(crossSite(request({ ...OWN, 'content-type': 'application/json; charset=utf-8' }))).toBeUndefined();
    expect(crossSite(request({ 'sec-fetch-site': 'same-origin' }, { method: 'DELETE' }))).toBeUndefined();
    expect(crossSite(request({ 'sec-fetch-site': 'cross-site' }, { method: 'GET' }))).toBeUndefined();
    expect(crossSite(request(JSON_TYPE))).toContain('Origin is missing');
    expect(strangeOrigin(request(JSON_TYPE))).toBeUndefined();
  });
});

describe.each([
  ['session', sessionCookie, sessionCookieOf, 'Strict'],
  ['openid', openIdCookie, openIdCookieOf, 'Lax'],
] as const)('the cookie %s', (name, cookie, cookieOf, site) => {
  it.each([
    ['is plain on this machine alone', {}, {}, false],
    ['is Secure, and none that a neighbouring host can set, over TLS', {}, { protocol: 'https' }, true],
    ['is so behind a proxy that says so', { 'x-forwarded-proto': 'https' }, {}, true],
    ['is so for a client elsewhere', {}, { ip: '203.0.113.9' }, true],
  ])('%s', (_, headers, more, secure) => {
    const [own, other] = secure ? [`__Host-afd_${name}`, `afd_${name}`] : [`afd_${name}`, 'other'];
    const end = secure ? '; Secure' : '';
    const text = `${own}=x; Path=/; Max-Age=9; HttpOnly; SameSite=${site}${end}`;
    expect(cookie(request(headers, more), 'x', 9)).toBe(text);
    const sent = (cookie: string) => cookieOf(request({ ...headers, cookie }, more));
    expect([sent(`${other}=y; ${own}=x`), sent(`${other}=x`), sent(`${own}=`)]).toEqual(['x', undefined, undefined]);
  });
});

describe('a return path', () => {
  it.each([
    ...['//evil.example', '/\\evil.example', 'https://evil.example', '', 'docs', '/\t/evil.example', '/é'],
    '/%0d%0aset-cookie:x=1\r\n',
  ])('is not %j', (path) => expect(returnPath.safeParse(path).success).toBe(false));

  it('never leads a browser to another host', () => {
    const parts = '/ // \\ . .. @ : evil.example ? # %2f " \' < ; , http:'.split(' ');
    const paths = parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => `/${a}${b}${c}`)));
    const kept = paths.filter((path) => returnPath.safeParse(path).success);
    expect(kept.length).toBeGreaterThan(1000);
    expect(kept.filter((path) => new URL(path, 'https://afd.example/api/v1/x').host !== 'afd.example')).toEqual([]);
  });
});
