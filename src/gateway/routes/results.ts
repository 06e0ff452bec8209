// Results of plain clients (design document, 5.1.3): one, or many in one transaction.

import { AfdError } from '../../core/domain/errors.ts';
import { takeResults } from '../../core/gateway/devices/results.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { resultAnswer, resultBody, resultParams, resultsAnswer, resultsBody } from '../../http/results.ts';
import type { App } from '../server/app-type.ts';

/** A result may have 4 MB. */
const BODY_MOST = 16 * 1024 * 1024;

export function resultRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/tasks/:task_id/result',
    bodyLimit: BODY_MOST,
    schema: {
      operationId: 'putResult',
      summary: 'Report how an attempt ended.',
      description: 'May be repeated. 409 with the reason when the attempt is not the device’s any more.',
      tags: ['tasks'],
      params: resultParams,
      body: resultBody,
      response: { 200: resultAnswer },
    },
    handler: async (request) => {
      const { task_id } = request.params;
      const { device_id, ...outcome } = request.body;
      const [answer] = await takeResults(gateway.devices, device_id, [{ ...outcome, task_id }]);
      if (answer?.status === 'refused')
        throw new AfdError('E_CONFLICT', `The result of task ${task_id} is refused: ${answer.reason}.`, {
          suggestions: [`afd tasks show ${task_id}`],
          data: { task_id, device_id, reason: answer.reason },
        });
      return answer!;
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/tasks/results',
    bodyLimit: BODY_MOST,
    schema: {
      operationId: 'putResults',
      summary: 'Report how several attempts ended, in one transaction.',
      description: 'What is refused is in the answer, and keeps no other result from being taken.',
      tags: ['tasks'],
      body: resultsBody,
      response: { 200: resultsAnswer },
    },
    handler: async ({ body }) => ({ results: await takeResults(gateway.devices, body.device_id, body.results) }),
  });
}
