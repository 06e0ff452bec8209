import type { Gateway } from '../../core/gateway/gateway.ts';
import { callerOf } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Who changes something is remembered before the answer leaves: their next list is not read from a replica. */
export function ownChanges(app: App, gateway: Gateway): void {
  app.addHook('onSend', async (request) => {
    if (!SAFE.has(request.method)) gateway.lists.changed(callerOf(request).who);
  });
}
