import * as batches from '../batch-contract.ts';
import { operation } from './operation.ts';

const one = { path: '/api/v1/batches/{batch_id}', params: batches.batchParams } as const;

export const BATCH_OPERATIONS = {
  listBatches: operation({
    method: 'GET',
    path: '/api/v1/batches',
    query: batches.batchesQuery,
    answer: batches.batchesAnswer,
    rows: 'batches',
  }),
  showBatch: operation({ method: 'GET', ...one, answer: batches.batchAnswer }),
  sealBatch: operation({
    method: 'POST',
    path: '/api/v1/batches/{batch_id}/seal',
    params: batches.batchParams,
    answer: batches.sealedAnswer,
    repeatable: true,
  }),
};
