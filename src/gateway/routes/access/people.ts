// People: how they sign in, what they do with their sessions, and who may manage them. All share what limits the hashing of passwords.
import { LogIn } from '../../../core/access/log-in.ts';
import { PasswordHasher } from '../../../core/access/password-hash.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import type { App } from '../../server/app-type.ts';
import { ToldSeldom } from '../../server/told-seldom.ts';
import { openIdRoutes } from './openid.ts';
import { ownSessionRoutes } from './own-sessions.ts';
import { sessionRoutes } from './session.ts';
import { userRoutes } from './users.ts';

/** @throws AfdError E_CONFIG */
export async function peopleRoutes(app: App, gateway: Gateway): Promise<void> {
  const refusals = new ToldSeldom((message) => gateway.context.events.emit('warning', { message }));
  const use: ConstructorParameters<typeof LogIn>[0] = (work) => gateway.requests.use(work);
  const hasher = new PasswordHasher();
  const logIn = new LogIn(use, hasher, (sentence) => refusals.say(sentence));
  sessionRoutes(app, gateway, logIn);
  ownSessionRoutes(app, gateway, logIn);
  await openIdRoutes(app, gateway);
  userRoutes(app, gateway, hasher);
}
