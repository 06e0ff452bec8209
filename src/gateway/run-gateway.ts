// One gateway process: serves until it is asked to stop.
import type { Server as HttpsServer } from 'node:https';
import { isIP } from 'node:net';
import { hasAdmin } from '../core/access/manage-keys.ts';
import { isLoopback } from '../core/config/loopback.ts';
import type { Context } from '../core/context/context.ts';
import { AfdError } from '../core/domain/errors.ts';
import { Gateway, type GatewayFacts } from '../core/gateway/gateway.ts';
import { type ListenAddress, listenAddress } from '../core/gateway/listen-address.ts';
import type { Loop } from '../core/runtime/loop.ts';
import { untilAborted } from '../core/runtime/service.ts';
import { Keyring } from '../core/secrets/keyring.ts';
import { type App, buildApp } from './app.ts';
import { type Certificate, readCertificate } from './server/certificate.ts';
import { certificateRenewal } from './server/certificate-renewal.ts';

export interface GatewayOptions extends GatewayFacts {
  /** Accept nothing more, and answer what is under way. */
  stop: AbortSignal;
  /** Cut what is under way. */
  force: AbortSignal;
  /** Called once it can be asked, with where. */
  onListening?(url: string, deviceId: string): void;
}

export interface GatewayResult {
  url: string;
  /** One for each process that listened last. */
  device_ids: string[];
}

/** How often connections are looked through for those on which nothing is under way any more, in milliseconds. */
const SWEEP_MS = 50;

/** @throws AfdError E_CONFIG when the port cannot be bound, or the key of secrets cannot be read; those of the liveness thread; DatabaseError */
export async function runGateway(context: Context, options: GatewayOptions): Promise<GatewayResult> {
  await Keyring.of(context.resolved).check();
  const certificate = await readCertificate(context.resolved);
  const gateway = new Gateway(context, options);
  const { stop, force } = options;
  let app: App | undefined;
  let renewal: Loop | undefined;
  try {
    const early = () => void gateway.stop();
    stop.addEventListener('abort', early, { once: true });
    await gateway.start();
    stop.removeEventListener('abort', early);
    app = await buildApp(gateway, {}, certificate);
    await tellMissingAdmin(gateway);
    const url = await listen(app, listenAddress(context.config.server));
    options.onListening?.(url, gateway.deviceId);
    renewal = certificate && renewalOf(app, context, certificate);
    void renewal?.start();
    await untilAborted(stop, [gateway, ...(renewal === undefined ? [] : [renewal])]);
    return { url, device_ids: [gateway.deviceId] };
  } finally {
    gateway.beginStop();
    await renewal?.stop();
    if (app !== undefined) await drain(app, context.config.worker.shutdown_timeout * 1000, force);
    await gateway.stop();
  }
}

/** Once: without an administrator a fleet with keys can be changed by commands alone. @throws DatabaseError */
async function tellMissingAdmin({ context, requests }: Gateway): Promise<void> {
  if (context.config.server.auth === 'none' || (await requests.use(hasAdmin))) return;
  const message = 'server.auth is keys, and no admin key is active: make one with "afd keys create NAME --role admin"';
  context.events.emit('warning', { message });
}

/** Answers what is under way, within `mostMs`; what is left then, or when it is forced, is cut. */
export async function drain(app: App, mostMs: number, force: AbortSignal): Promise<void> {
  const { connections } = app;
  const cut = () => connections.closeAll();
  const sweep = setInterval(() => connections.closeIdle(), SWEEP_MS);
  const late = setTimeout(cut, mostMs);
  if (force.aborted) cut();
  force.addEventListener('abort', cut, { once: true });
  try {
    const closed = app.close();
    connections.closeIdle();
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(late);
    force.removeEventListener('abort', cut);
  }
}

/** Not started. */
export function renewalOf(app: App, { resolved, events }: Context, current: Certificate, everyMs?: number): Loop {
  return certificateRenewal({
    ...(everyMs === undefined ? {} : { everyMs }),
    ...{ resolved, current, server: app.server as unknown as HttpsServer },
    onChange: (certificate, clients) => app.certificates.change(certificate.clients, clients),
    note: (message) => events.emit('note', { message }),
    warn: (message) => events.emit('warning', { message }),
  });
}

async function listen(app: App, { host, port, reach }: ListenAddress): Promise<string> {
  let url: string;
  try {
    url = await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AfdError('E_CONFIG', `The gateway cannot listen on ${host}:${port} (${code}).`, {
      cause: error,
      suggestions: ['afd gateway --port 8001'],
      data: { key: 'server.port' },
    });
  }
  if (reach !== 'loopback') return url;
  const bound = app.addresses().map((one) => (typeof one === 'string' ? one : one.address));
  if (bound.every((one) => isIP(one) !== 0 && isLoopback(one))) return url;
  throw new AfdError('E_INTERNAL', `The gateway would listen on ${bound.join(', ')}, which others can reach.`);
}
