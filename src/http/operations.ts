// Every operation of the API, by its operationId. test/contracts/openapi.test.ts compares them with the routes.
import { openapiAnswer } from './description-contract.ts';
import { changeEvent, eventsQuery } from './events-contract.ts';
import { healthAnswer, readyAnswer } from './health-contract.ts';
import { operation } from './operation.ts';

export const OPERATIONS = {
  health: operation({ method: 'GET', path: '/healthz', answer: healthAnswer }),
  ready: operation({ method: 'GET', path: '/readyz', answer: readyAnswer }),
  events: operation({
    method: 'GET',
    path: '/api/v1/events',
    query: eventsQuery,
    answer: changeEvent,
    answers: 'events',
  }),
  openapi: operation({ method: 'GET', path: '/openapi.json', answer: openapiAnswer }),
  docs: operation({ method: 'GET', path: '/docs', answers: 'text' }),
  errorCodes: operation({ method: 'GET', path: '/docs/errors', answers: 'text' }),
};
