// People who sign in, as administrators manage them. Passwords are hashed before a session of the database is held.
import {
  addUser,
  allUsers,
  changePassword,
  changeUser,
  removeUser,
  type UserRow,
} from '../../../core/access/manage-users.ts';
import { checkPassword, type PasswordHasher } from '../../../core/access/password-hash.ts';
import { AfdError } from '../../../core/domain/errors.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import {
  newUserBody,
  passwordBody,
  userAnswer,
  userChange,
  userParams,
  usersAnswer,
} from '../../../http/access/user-contract.ts';
import { plainJson } from '../../hooks/plain-json.ts';
import { networkOf } from '../../protection/client-address.ts';
import { caller, callerOf, envelope } from '../../server/answers.ts';
import type { App } from '../../server/app-type.ts';

const tags = ['users'] as const;
const ONE = { url: '/api/v1/users/:name', serializerCompiler: plainJson };
/** Over HTTP nobody can make an administrator where there is none. */
const GUARD = { keepAdmin: true };

export function userRoutes(app: App, gateway: Gateway, hasher: PasswordHasher): void {
  const hashed = async (name: string, password: string, address: string) => {
    checkPassword(name, password);
    return { hash: await hasher.hash(password, networkOf(address)) };
  };
  const shown = async (request: Parameters<typeof envelope>[0] & Parameters<typeof caller>[0], act: Act) =>
    gateway.requests.use(async (context) => {
      const user = await act(context);
      return { user, by: caller(request), ...envelope(request, await context.now()) };
    });

  app.route({
    method: 'GET',
    url: '/api/v1/users',
    schema: { operationId: 'listUsers', summary: 'List users, by name.', tags, response: { 200: usersAnswer } },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const users = await allUsers(context);
        return { users, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/users',
    schema: {
      operationId: 'addUser',
      problems: ['E_CONFLICT'],
      summary: 'Add a person who signs in.',
      description: 'As `afd users add`. Send the password over TLS alone.',
      tags,
      example: { body: { name: 'alice', role: 'operator', password: 'correct horse battery' } },
      body: newUserBody,
      response: { 201: userAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { name, role, password: given } = request.body;
      const password = given === null ? null : await hashed(name, given, request.ip);
      const answer = await shown(request, (context) => addUser(context, { name, role, password }, callerOf(request)));
      reply.code(201);
      return answer;
    },
  });

  app.route({
    ...ONE,
    method: 'PATCH',
    schema: {
      operationId: 'changeUser',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Change the role of a user, disable or enable one, or end a lock-out: all of it or nothing.',
      description:
        'A change of the role and disabling end the sessions of the user. The only administrator who may sign in stays one: 409; `afd users role` and `afd users disable` do it all the same.',
      tags,
      example: { body: { role: 'viewer' } },
      params: userParams,
      body: userChange,
      response: { 200: userAnswer },
    },
    async handler(request) {
      const { name } = request.params;
      return shown(request, (context) => changeUser(context, name, request.body, callerOf(request), GUARD));
    },
  });

  app.route({
    ...ONE,
    method: 'DELETE',
    schema: {
      operationId: 'removeUser',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Remove a user, and end the sessions of the user.',
      description: 'The only administrator who may sign in is not removed: 409. `afd users rm` does it all the same.',
      tags,
      params: userParams,
      response: { 200: userAnswer },
    },
    async handler(request) {
      return shown(request, (context) => removeUser(context, request.params.name, callerOf(request), GUARD));
    },
  });

  app.route({
    ...ONE,
    method: 'POST',
    url: '/api/v1/users/:name/password',
    schema: {
      operationId: 'setUserPassword',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Set a new password of another user, and end the sessions of the user.',
      description: 'Those who were locked out for this name may try again. One’s own is changed with the old one: 409.',
      tags,
      params: userParams,
      body: passwordBody,
      response: { 200: userAnswer },
    },
    async handler(request) {
      const { name } = request.params;
      // Their session may have been found open: they say the old one.
      if (request.user?.name.toLowerCase() === name.toLowerCase())
        throw new AfdError(
          'E_CONFLICT',
          'Your own password is changed with the old one: POST /api/v1/session/password.',
        );
      const password = await hashed(name, request.body.password, request.ip);
      return shown(request, (context) => changePassword(context, name, password, callerOf(request)));
    },
  });
}

type Act = (context: Parameters<Parameters<Gateway['requests']['use']>[0]>[0]) => Promise<UserRow>;
