// Every operation of the API, by its operationId. test/contracts/openapi.test.ts compares them with the routes.
import { openapiAnswer } from './description-contract.ts';
import { healthAnswer, readyAnswer } from './health-contract.ts';
import { operation } from './operation.ts';

export const OPERATIONS = {
  health: operation({ method: 'GET', path: '/healthz', answer: healthAnswer }),
  ready: operation({ method: 'GET', path: '/readyz', answer: readyAnswer }),
  openapi: operation({ method: 'GET', path: '/openapi.json', answer: openapiAnswer }),
  docs: operation({ method: 'GET', path: '/docs', answers: 'text' }),
  errorCodes: operation({ method: 'GET', path: '/docs/errors', answers: 'text' }),
};
