// The lists of the design document (5.2.1, 5.2.2).
import { adminDevices, listAttempts } from '../../core/gateway/admin-lists.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import * as contract from '../../http/admin.ts';
import { etag } from '../hooks/etag.ts';
import { plainJson } from '../hooks/plain-json.ts';
import type { App } from '../server/app-type.ts';

export function adminRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'GET',
    url: '/api/v1/admin/devices',
    onSend: etag,
    schema: {
      operationId: 'adminDevices',
      summary: 'List devices.',
      tags: ['admin'],
      querystring: contract.adminDevicesQuery,
      response: { 200: contract.adminDevices },
    },
    serializerCompiler: plainJson,
    handler: async ({ query }) => gateway.requests.use((context) => adminDevices(context, query)),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/admin/tasks/assignments',
    onSend: etag,
    schema: {
      operationId: 'adminAssignments',
      summary: 'List attempts, the newest first.',
      tags: ['admin'],
      querystring: contract.assignmentsQuery,
      response: { 200: contract.assignments },
    },
    serializerCompiler: plainJson,
    handler: async ({ query }) => gateway.requests.use((context) => listAttempts(context, query)),
  });
}
