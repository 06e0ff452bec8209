// Results of plain clients (design document, 5.1.3): one, or many in one transaction.

import { AfdError } from '../../core/domain/errors.ts';
import { takeResults } from '../../core/gateway/devices/results.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { resultAnswer, resultBody, resultParams, resultsAnswer, resultsBody } from '../../http/results.ts';
import { onceByKey } from '../hooks/idempotency-key.ts';
import { RESULTS_BODY_LIMIT } from '../protection/limits.ts';
import type { App } from '../server/app-type.ts';

export function resultRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/tasks/:task_id/result',
    bodyLimit: RESULTS_BODY_LIMIT,
    schema: {
      operationId: 'putResult',
      summary: 'Report how an attempt ended.',
      description: 'May be repeated. 409 with the reason when the attempt is not the device’s any more.',
      tags: ['tasks'],
      params: resultParams,
      body: resultBody,
      response: { 200: resultAnswer },
      problems: ['E_CONFLICT', 'E_NOT_FOUND'],
      // That of the design document.
      example: {
        body: {
          device_id: 'worker-001',
          status: 'completed',
          result: { records_processed: 1500, execution_time: 120 },
          error_message: null,
        },
      },
    },
    handler: async (request, reply) => {
      const { task_id } = request.params;
      const { device_id, ...outcome } = request.body;
      const take = async () => {
        const [answer] = await takeResults(gateway.devices, device_id, [{ ...outcome, task_id }]);
        if (answer?.status === 'refused')
          throw new AfdError('E_CONFLICT', `The result of task ${task_id} is refused: ${answer.reason}.`, {
            suggestions: [`afd tasks show ${task_id}`],
            data: { task_id, device_id, reason: answer.reason },
          });
        return answer!;
      };
      return onceByKey(gateway, request, reply, take);
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/tasks/results',
    bodyLimit: RESULTS_BODY_LIMIT,
    schema: {
      operationId: 'putResults',
      summary: 'Report how several attempts ended, in one transaction.',
      description: 'What is refused is in the answer, and keeps no other result from being taken.',
      tags: ['tasks'],
      body: resultsBody,
      response: { 200: resultsAnswer },
      problems: ['E_CONFLICT'],
      example: {
        body: {
          device_id: 'worker-001',
          results: [{ task_id: 12345, status: 'completed', result: { records_processed: 1500 } }],
        },
      },
    },
    handler: async (request, reply) => {
      const { device_id, results } = request.body;
      const take = async () => ({ results: await takeResults(gateway.devices, device_id, results) });
      return onceByKey(gateway, request, reply, take);
    },
  });
}
