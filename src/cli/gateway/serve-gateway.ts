// What `afd gateway` and `afd start --mode master` share: a gateway of one or more processes, until a signal stops it.
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import { type Context, openContext } from '../../core/context/context.ts';
import { listenAddress } from '../../core/gateway/listen-address.ts';
import { untilAborted } from '../../core/runtime/service.ts';
import { GatewayProcesses } from '../../gateway/processes/gateway-processes.ts';
import { type GatewayResult, runGateway } from '../../gateway/run-gateway.ts';
import { logOutput } from '../output.ts';

export interface ServeOptions {
  version: string;
  waitDatabaseS: number;
  stop: AbortSignal;
  force: AbortSignal;
  /** Gets the context of the gateway, before it serves. */
  begun?(context: Context): Promise<void>;
}

/** Serves until `stop`. @throws those of runGateway */
export async function serveGateway(resolved: ResolvedConfig, options: ServeOptions): Promise<GatewayResult> {
  const context = openContext(resolved, { purpose: 'gateway', logTo: logOutput(resolved.config.log.format) });
  const { events, config } = context;
  const { warning } = listenAddress(config.server);
  if (warning !== undefined) events.emit('warning', { message: warning });
  const onListening = (url: string) => events.emit('note', { message: `the gateway answers at ${url}` });
  const facts = { hostname: hostname(), version: options.version, waitDatabaseS: options.waitDatabaseS };
  try {
    await options.begun?.(context);
    if ((config.server.workers ?? 1) > 1) return await serveByProcesses(context, { ...options, facts, onListening });
    return await runGateway(context, { ...options, ...facts, pid: process.pid, onListening });
  } finally {
    await context.close();
  }
}

async function serveByProcesses(
  { resolved, config, events }: Context,
  options: ServeOptions & {
    facts: { hostname: string; version: string; waitDatabaseS: number };
    onListening(url: string): void;
  },
): Promise<GatewayResult> {
  const { stop, force, facts, onListening } = options;
  const processes = new GatewayProcesses({
    count: config.server.workers ?? 1,
    // Node 20 starts no .ts file.
    entry: fileURLToPath(new URL('./gateway-process-entry.js', import.meta.url)),
    // The first process has told the warnings.
    serve: { kind: 'serve', resolved: { ...resolved, warnings: [] }, facts },
    events,
    endMs: (config.worker.shutdown_timeout + config.database.call_timeout) * 1000,
    onListening,
  });
  const cut = () => processes.force();
  force.addEventListener('abort', cut, { once: true });
  try {
    void processes.start();
    await untilAborted(stop, [processes]);
  } finally {
    await processes.stop();
    force.removeEventListener('abort', cut);
  }
  return { url: processes.url, device_ids: processes.deviceIds };
}
