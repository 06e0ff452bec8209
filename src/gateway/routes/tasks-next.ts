// The next task of a plain client (design document, 5.1.2).
import { z } from 'zod';
import { nextTasks, returnTasks } from '../../core/gateway/devices/next-tasks.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { nextQuery, nextTask, nextTasks as severalTasks } from '../../http/results.ts';
import { closedSignal } from '../hooks/closed-signal.ts';
import { plainJson } from '../hooks/plain-json.ts';
import type { App } from '../server/app-type.ts';

export function nextTaskRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'GET',
    url: '/api/v1/tasks/next',
    schema: {
      operationId: 'nextTask',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Claim the next task for a device.',
      description: '204 when there is none, after `wait` seconds at most. With `limit` several are claimed.',
      tags: ['tasks'],
      querystring: nextQuery,
      response: { 200: z.union([nextTask, severalTasks]), 204: z.null() },
    },
    serializerCompiler: plainJson,
    handler: async (request, reply) => {
      const { device_id, wait, limit } = request.query;
      const closed = closedSignal(reply);
      const { devices } = gateway;
      const tasks = await nextTasks(devices, device_id, { limit: limit ?? 1, wait }, closed);
      const releaseAll = () => void returnTasks(devices, device_id, tasks).catch(() => {});
      if (closed.aborted) releaseAll();
      else closed.addEventListener('abort', releaseAll, { once: true });
      if (tasks.length === 0) return reply.code(204).send(null);
      return limit === undefined ? tasks[0]! : { tasks };
    },
  });
}
