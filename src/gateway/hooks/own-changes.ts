import type { Gateway } from '../../core/gateway/gateway.ts';
import { callerOf, LATEST } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Who changes something is remembered before the answer leaves: their next list is not read from a replica. Other gateways learn it from a
 * cookie, which only browsers bring back; it says nothing and gives no right.
 */
export function ownChanges(app: App, gateway: Gateway): void {
  app.addHook('onSend', async (request, reply) => {
    const { latestS } = gateway.lists;
    if (latestS === undefined || SAFE.has(request.method)) return;
    gateway.lists.changed(callerOf(request).who);
    if (request.user === undefined && request.headers.cookie === undefined) return;
    const given = reply.getHeader('set-cookie');
    const cookie = `${LATEST}=1; Max-Age=${Math.ceil(latestS)}; Path=/api/; HttpOnly; SameSite=Strict`;
    reply.header('set-cookie', [...(given === undefined ? [] : [given].flat()), cookie] as string[]);
  });
}
