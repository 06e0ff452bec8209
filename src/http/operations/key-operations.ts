import * as audit from '../access/audit-contract.ts';
import * as keys from '../access/key-contract.ts';
import { operation } from './operation.ts';

export const KEY_OPERATIONS = {
  makeKey: operation({ method: 'POST', path: '/api/v1/keys', body: keys.newKeyBody, answer: keys.madeKeyAnswer }),
  listKeys: operation({ method: 'GET', path: '/api/v1/keys', answer: keys.keysAnswer }),
  rotateKey: operation({
    method: 'POST',
    path: '/api/v1/keys/{key_id}/rotate',
    params: keys.keyParams,
    body: keys.rotateBody.prefault({}),
    answer: keys.rotatedKeyAnswer,
  }),
  revokeKey: operation({
    method: 'POST',
    path: '/api/v1/keys/{key_id}/revoke',
    params: keys.keyParams,
    answer: keys.endedKeyAnswer,
    repeatable: true,
  }),
  listAudit: operation({ method: 'GET', path: '/api/v1/audit', query: audit.auditQuery, answer: audit.auditAnswer }),
};
