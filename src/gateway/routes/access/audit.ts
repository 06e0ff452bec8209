// What operators and administrators did.
import { listAudit } from '../../../core/audit/list-audit.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import { auditAnswer, auditQuery } from '../../../http/access/audit-contract.ts';
import { plainJson } from '../../hooks/plain-json.ts';
import { envelope } from '../../server/answers.ts';
import type { App } from '../../server/app-type.ts';

export function auditRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'GET',
    url: '/api/v1/audit',
    schema: {
      operationId: 'listAudit',
      summary: 'List what operators and administrators did, newest first.',
      description: 'As `afd audit ls`. Instead of values a row has their hashes, and the hash of the row before.',
      tags: ['audit'],
      querystring: auditQuery,
      response: { 200: auditAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { limit, cursor, since, ...filter } = request.query;
      return gateway.requests.use(async (context) => {
        const at = since === undefined ? undefined : { at: since };
        const page = await listAudit(context, { ...filter, since: at }, { limit, cursor });
        const rows = page.rows.map((row) => ({ ...row, id: String(row.id) }));
        const searched_to = page.searched_to === null ? null : String(page.searched_to);
        return { ...page, rows, searched_to, ...envelope(request, await context.now()) };
      });
    },
  });
}
