// How people sign in and out.
import * as openId from '../access/openid-contract.ts';
import * as sessions from '../access/session-contract.ts';
import { operation } from './operation.ts';

export const SESSION_OPERATIONS = {
  signIn: operation({
    method: 'POST',
    path: '/api/v1/session',
    body: sessions.signInBody,
    answer: sessions.sessionAnswer,
  }),
  whoAmI: operation({ method: 'GET', path: '/api/v1/session', answer: sessions.sessionAnswer }),
  signOut: operation({ method: 'DELETE', path: '/api/v1/session' }),
  signInWithOpenId: operation({ method: 'GET', path: '/api/v1/session/oidc', query: openId.openIdQuery }),
  finishOpenId: operation({
    method: 'GET',
    path: '/api/v1/session/oidc/callback',
    query: openId.openIdCallbackQuery,
    answers: 'text',
    repeatable: false,
  }),
};
