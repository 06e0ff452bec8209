// Whether a request that changes something comes from a page of this gateway: a browser sends the cookie of a session by itself, also
// when another page asks it to. A request with a key needs none of this, because no browser adds a key.
import type { FastifyRequest } from 'fastify';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const JSON_TYPE = /^application\/json *(?:;|$)/i;

/** Why it is refused, as a sentence; undefined = it is not. */
export function crossSite(request: FastifyRequest): string | undefined {
  const { method, headers } = request;
  if (SAFE.has(method)) return undefined;
  if (!isJson(request)) return 'A change with a session must be sent as application/json.';
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    if (site === 'same-origin') return undefined;
    return `A change with a session must come from a page of this gateway; Sec-Fetch-Site is ${site}.`;
  }
  const { origin } = headers;
  if (origin !== undefined && hostOf(origin) === request.host.toLowerCase()) return undefined;
  return `A change with a session must come from a page of this gateway; Origin is ${origin ?? 'missing'}.`;
}

/** Also of a log-in, which has no cookie yet: a page elsewhere must not sign somebody in. Programs send neither header. */
export function strangeOrigin({ headers, host }: FastifyRequest): string | undefined {
  const { origin, 'sec-fetch-site': site } = headers;
  const foreign =
    site === undefined ? origin !== undefined && hostOf(origin) !== host.toLowerCase() : site !== 'same-origin';
  if (!foreign) return undefined;
  return `A log-in must come from a page of this gateway; ${site === undefined ? `Origin is ${origin}` : `Sec-Fetch-Site is ${site}`}.`;
}

/** A DELETE without a body has no type; no page can send one elsewhere without asking first. */
function isJson({ method, headers }: FastifyRequest): boolean {
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (method === 'DELETE' && type === undefined && encoding === undefined && (length ?? '0') === '0') return true;
  return JSON_TYPE.test(type ?? '');
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host.toLowerCase() : undefined;
}
