// Every operation of the API, by its operationId. test/contracts/openapi.test.ts compares them with the routes.
import { openapiAnswer } from '../description-contract.ts';
import { changeEvent, eventsQuery } from '../events-contract.ts';
import { healthAnswer, readyAnswer } from '../health-contract.ts';
import { BATCH_OPERATIONS } from './batch-operations.ts';
import { CERTIFICATE_OPERATIONS } from './certificate-operations.ts';
import { FLEET_OPERATIONS } from './fleet-operations.ts';
import { KEY_OPERATIONS } from './key-operations.ts';
import { operation } from './operation.ts';
import { SESSION_OPERATIONS } from './session-operations.ts';
import { TASK_OPERATIONS } from './task-operations.ts';
import { USER_OPERATIONS } from './user-operations.ts';
import { WEBHOOK_OPERATIONS } from './webhook-operations.ts';
import { WORKER_OPERATIONS } from './worker-operations.ts';

export const OPERATIONS = {
  ...TASK_OPERATIONS,
  ...BATCH_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...KEY_OPERATIONS,
  ...SESSION_OPERATIONS,
  ...USER_OPERATIONS,
  ...FLEET_OPERATIONS,
  ...CERTIFICATE_OPERATIONS,
  ...WORKER_OPERATIONS,
  events: operation({
    method: 'GET',
    path: '/api/v1/events',
    query: eventsQuery,
    answer: changeEvent,
    answers: 'events',
  }),
  health: operation({ method: 'GET', path: '/healthz', answer: healthAnswer }),
  ready: operation({ method: 'GET', path: '/readyz', answer: readyAnswer }),
  openapi: operation({ method: 'GET', path: '/openapi.json', answer: openapiAnswer }),
  docs: operation({ method: 'GET', path: '/docs', answers: 'text' }),
  errorCodes: operation({ method: 'GET', path: '/docs/errors', answers: 'text' }),
};
