// Batches: they are made with their tasks (tasks.ts), shown and sealed here.
import { batches, seal, showBatch } from '../../core/batches/batches.ts';
import type { Batch } from '../../core/domain/task/batch.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { batchAnswer, batchesAnswer, batchesQuery, batchParams, sealedAnswer } from '../../http/batch-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { ownerOnly } from '../protection/own-only.ts';
import { caller, cursorFrom, cursorWithin, envelope, reader } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

const tags = ['batches'] as const;

export function batchRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'GET',
    url: '/api/v1/batches',
    schema: {
      operationId: 'listBatches',
      summary: 'List batches, newest first.',
      tags,
      querystring: batchesQuery,
      response: { 200: batchesAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { cursor, ...query } = request.query;
      const { value, replica } = await gateway.lists.use(reader(request, cursor), async (context) => {
        const page = await batches(context, { ...query, cursor: cursorWithin(cursor), owner: ownerOnly(request) });
        return { page, now: await context.now() };
      });
      const { page, now } = value;
      return {
        batches: page.batches.map(wire),
        cursor: cursorFrom(page.cursor, replica),
        ...envelope(request, now, replica),
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/batches/:batch_id',
    schema: {
      operationId: 'showBatch',
      problems: ['E_NOT_FOUND'],
      summary: 'Show a batch, and how many of its tasks have each status.',
      tags,
      params: batchParams,
      response: { 200: batchAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const shown = await showBatch(context, request.params.batch_id);
        return { batch: wire(shown), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/batches/:batch_id/seal',
    schema: {
      operationId: 'sealBatch',
      problems: ['E_NOT_FOUND'],
      summary: 'Seal a batch: no more tasks can be added, and it ends when none of its tasks is open.',
      tags,
      params: batchParams,
      response: { 200: sealedAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const { already, ...sealed } = await seal(context, request.params.batch_id);
        return { batch: wire(sealed), already, by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });
}

function wire<T extends Batch>({ batch_id, ...rest }: T) {
  return { batch_id: String(batch_id), ...rest };
}
