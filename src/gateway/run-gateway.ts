// `afd gateway`: serves until it is asked to stop.
import type { Context } from '../core/context/context.ts';
import { AfdError } from '../core/domain/errors.ts';
import { Gateway, type GatewayFacts } from '../core/gateway/gateway.ts';
import { untilAborted } from '../core/runtime/service.ts';
import { type App, buildApp } from './app.ts';

export interface GatewayOptions extends GatewayFacts {
  stop: AbortSignal;
  /** Called once it can be asked, with where. */
  onListening?(url: string): void;
}

export interface GatewayResult {
  device_id: string;
  url: string;
}

/** Of the design document. */
export const DEFAULT_PORT = 8000;

/** @throws AfdError E_CONFIG when the port cannot be bound; those of the liveness thread; DatabaseError */
export async function runGateway(context: Context, options: GatewayOptions): Promise<GatewayResult> {
  const gateway = new Gateway(context, options);
  let app: App | undefined;
  try {
    const stop = () => void gateway.stop();
    options.stop.addEventListener('abort', stop, { once: true });
    await gateway.start();
    options.stop.removeEventListener('abort', stop);
    app = await buildApp(gateway);
    const url = await listen(app, context.config.server);
    options.onListening?.(url);
    await untilAborted(options.stop, [gateway]);
    return { device_id: gateway.deviceId, url };
  } finally {
    await app?.close();
    await gateway.stop();
  }
}

async function listen(
  app: App,
  { host = '127.0.0.1', port = DEFAULT_PORT }: Context['config']['server'],
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AfdError('E_CONFIG', `The gateway cannot listen on ${host}:${port} (${code}).`, {
      cause: error,
      suggestions: ['afd gateway --port 8001'],
    });
  }
}
