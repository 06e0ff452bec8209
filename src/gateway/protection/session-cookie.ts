// The cookies of people. Over TLS their names make the browser refuse one that a neighbouring host has set.
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../../core/config/loopback.ts';
import { plainAddress } from './client-address.ts';

/** Browsers keep no Secure cookie of plain HTTP, not all of them even on this machine. */
export const PLAIN_COOKIE = 'afd_session';
const SECURE = '__Host-';
export const SECURE_COOKIE = `${SECURE}${PLAIN_COOKIE}`;
/** Of a sign-in that is under way at an OpenID provider. */
const OPENID_COOKIE = 'afd_openid';

/** What the request brings; undefined = none. */
export function sessionCookieOf(request: FastifyRequest): string | undefined {
  return cookieOf(request, PLAIN_COOKIE);
}

/** For `Set-Cookie`. An empty value removes it. */
export function sessionCookie(request: FastifyRequest, value: string, seconds: number): string {
  return cookie(request, PLAIN_COOKIE, value, seconds, 'Strict');
}

/** What the request brings; undefined = none. */
export function openIdCookieOf(request: FastifyRequest): string | undefined {
  return cookieOf(request, OPENID_COOKIE);
}

/** For `Set-Cookie`. An empty value removes it. Lax: the browser comes back from the page of the provider. */
export function openIdCookie(request: FastifyRequest, value: string, seconds: number): string {
  return cookie(request, OPENID_COOKIE, value, seconds, 'Lax');
}

function cookieOf(request: FastifyRequest, plain: string): string | undefined {
  const name = isSecure(request) ? `${SECURE}${plain}` : plain;
  for (const one of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = one.trim().split('=', 2);
    if (key === name && value !== undefined && value !== '') return value;
  }
  return undefined;
}

function cookie(request: FastifyRequest, plain: string, value: string, seconds: number, site: 'Strict' | 'Lax') {
  const [prefix, secure] = isSecure(request) ? [SECURE, '; Secure'] : ['', ''];
  return `${prefix}${plain}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=${site}${secure}`;
}

/** Only a client on this machine that says nothing of TLS is spoken to in clear. */
function isSecure({ protocol, ip, headers }: FastifyRequest): boolean {
  const forwarded = String(headers['x-forwarded-proto'] ?? '').includes('https');
  return protocol === 'https' || forwarded || !isLoopback(plainAddress(ip));
}
