// What stands between the network and the routes, in the order in which a request meets it.
import { AfdError } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { listenAddress } from '../../core/gateway/listen-address.ts';
import type { App } from '../server/app-type.ts';
import type { ClientAuthority } from '../server/client-authority.ts';
import { sendProblem } from '../server/problem-answers.ts';
import { ToldSeldom } from '../server/told-seldom.ts';
import { authenticate } from './authenticate.ts';
import { addressIn, fromProxyOrHere } from './client-address.ts';
import { ClientCertificates } from './client-certificates.ts';
import { Connections } from './connections.ts';
import { parseJsonBodies } from './json-body.ts';
import type { Limits } from './limits.ts';
import { ownOnly } from './own-only.ts';
import { limitRates } from './rates.ts';

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections;
    certificates: ClientCertificates;
  }
}

/** Before the routes. */
export async function protect(
  app: App,
  gateway: Gateway,
  limits: Limits,
  clients: ClientAuthority | undefined,
): Promise<void> {
  const { events, config } = gateway.context;
  const seldom = () => new ToldSeldom((message) => events.emit('warning', { message }));
  const [refused, limited] = [seldom(), seldom()];
  const isTrusted = addressIn(config.server.trusted_proxies);
  const connections = new Connections({
    limits,
    isTrusted,
    mayConnect: listenAddress(config.server).reach === 'proxies' ? fromProxyOrHere(isTrusted) : () => true,
    onRefused: (sentence) => refused.say(sentence),
  });
  connections.attach(app.server);
  app.decorate('connections', connections);
  parseJsonBodies(app);
  app.addHook('onRequest', async (request, reply) => {
    // A client that keeps its connection goes elsewhere with its next request. Health is answered to the end.
    if (gateway.stopping.aborted && !request.url.startsWith('/healthz') && !request.url.startsWith('/readyz'))
      return sendProblem(new AfdError('E_TEMPORARY', 'The gateway is stopping.'), request, reply);
    if (request.url.length > limits.urlLength) {
      const message = `The path with its query has ${request.url.length} characters; the limit is ${limits.urlLength}.`;
      return sendProblem(new AfdError('E_USAGE', message), request, reply, 414);
    }
  });
  app.addHook('onSend', async (_request, reply) => {
    if (gateway.stopping.aborted) reply.header('connection', 'close');
  });
  await limitRates(app, limits, (sentence) => limited.say(sentence));
  const certificates = new ClientCertificates(gateway, clients);
  certificates.attach(app.server);
  app.decorate('certificates', certificates);
  authenticate(app, gateway);
  ownOnly(app, gateway);
}
