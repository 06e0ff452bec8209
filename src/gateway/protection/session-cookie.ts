// The cookie of a session. Over TLS its name makes the browser refuse one that a neighbouring host has set.
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../../core/config/loopback.ts';
import { plainAddress } from './client-address.ts';

export const SECURE_COOKIE = '__Host-afd_session';
/** Browsers keep no Secure cookie of plain HTTP, not all of them even on this machine. */
export const PLAIN_COOKIE = 'afd_session';

/** What the request brings; undefined = none. */
export function sessionCookieOf(request: FastifyRequest): string | undefined {
  const name = nameFor(request);
  for (const one of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = one.trim().split('=', 2);
    if (key === name && value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** For `Set-Cookie`. An empty value removes it. */
export function sessionCookie(request: FastifyRequest, value: string, seconds: number): string {
  const name = nameFor(request);
  const secure = name === SECURE_COOKIE ? '; Secure' : '';
  return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** Only a client on this machine that says nothing of TLS is spoken to in clear. */
function nameFor(request: FastifyRequest): string {
  const { protocol, ip, headers } = request;
  const forwarded = String(headers['x-forwarded-proto'] ?? '').includes('https');
  return protocol === 'https' || forwarded || !isLoopback(plainAddress(ip)) ? SECURE_COOKIE : PLAIN_COOKIE;
}
