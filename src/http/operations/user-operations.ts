// People who sign in: what administrators do with them, and what they do themselves.
import * as users from '../access/user-contract.ts';
import { operation } from './operation.ts';

const one = { path: '/api/v1/users/{name}', params: users.userParams, answer: users.userAnswer } as const;

export const USER_OPERATIONS = {
  listUsers: operation({ method: 'GET', path: '/api/v1/users', answer: users.usersAnswer }),
  addUser: operation({ method: 'POST', path: '/api/v1/users', body: users.newUserBody, answer: users.userAnswer }),
  changeUser: operation({ method: 'PATCH', ...one, body: users.userChange }),
  removeUser: operation({ method: 'DELETE', ...one }),
  setUserPassword: operation({
    method: 'POST',
    ...one,
    path: '/api/v1/users/{name}/password',
    body: users.passwordBody,
  }),
  changeOwnPassword: operation({
    method: 'POST',
    path: '/api/v1/session/password',
    body: users.ownPasswordBody,
    answer: users.ownPasswordAnswer,
  }),
  listSessions: operation({ method: 'GET', path: '/api/v1/sessions', answer: users.ownSessionsAnswer }),
  endSession: operation({ method: 'DELETE', path: '/api/v1/sessions/{session_id}', params: users.sessionParams }),
};
