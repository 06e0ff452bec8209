// A submitter sees and changes what they have added themselves. What a path names is looked at here, for every route at once; what a list, an
// export or a new task is limited to, its route takes from `ownerOnly`.
import type { FastifyRequest } from 'fastify';
import { checkOwnBatch, checkOwnTask, ownerOf } from '../../core/access/own.ts';
import { seesOwnOnly } from '../../core/access/roles.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import type { App } from '../server/app-type.ts';
import { roleOf } from './authenticate.ts';

/** After the identities, before the routes. */
export function ownOnly(app: App, gateway: Gateway): void {
  if (app.identities === undefined) return;
  app.addHook('preHandler', async (request) => {
    const owner = ownerOnly(request);
    if (owner === undefined) return;
    const { task_id, batch_id } = (request.params ?? {}) as { task_id?: number; batch_id?: number };
    if (task_id !== undefined) await gateway.requests.use((context) => checkOwnTask(context, owner, task_id));
    if (batch_id !== undefined) await gateway.requests.use((context) => checkOwnBatch(context, owner, batch_id));
  });
}

/** As the rows of tasks and batches name the caller, who sees only theirs; undefined = they see all. */
export function ownerOnly(request: FastifyRequest): string | undefined {
  if (request.server.identities === undefined) return undefined;
  const { user, key } = request;
  if (user === undefined && key === undefined) return undefined;
  return seesOwnOnly(roleOf(request)) ? ownerOf(user === undefined ? { key: key! } : { user }) : undefined;
}
