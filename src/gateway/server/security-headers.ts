// Headers of every answer, for browsers. A route that has set its own keeps it.
import type { FastifyReply } from 'fastify';
import type { App } from './app-type.ts';

/** Of an answer that is no page: nothing in it is ever run or shown in a frame. Nobody elsewhere reads it: there is no CORS. */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** `tls`: it is spoken here. */
export function securityHeaders(app: App, tls: boolean): void {
  const all: Array<[string, string]> = Object.entries(SECURITY_HEADERS);
  if (tls) all.push(['strict-transport-security', 'max-age=31536000']);
  all.push(['cache-control', 'no-store']);
  app.addHook('onSend', async (_request, reply) => addTo(reply, all));
}

function addTo(reply: FastifyReply, headers: ReadonlyArray<[string, string]>): void {
  for (const [name, value] of headers) if (!reply.hasHeader(name)) reply.header(name, value);
}
