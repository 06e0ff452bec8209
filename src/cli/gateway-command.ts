// What `afd gateway` and `afd start --mode master` share.
import { hostname } from 'node:os';
import type { GatewayResult } from '../gateway/run-gateway.ts';
import { BaseCommand } from './base-command.ts';

/** A service waits for its database. */
const WAIT_DATABASE_S = 60;

export abstract class GatewayCommand extends BaseCommand {
  /** Serves until a signal stops it. @throws those of runGateway */
  protected async runGateway({ waitDatabaseS }: { waitDatabaseS: number | undefined }): Promise<GatewayResult> {
    const { shutdownSignals } = await import('./shutdown.ts');
    const shutdown = shutdownSignals();
    try {
      return await this.withContext(
        async (context) => {
          const { runGateway } = await import('../gateway/run-gateway.ts');
          return runGateway(context, {
            hostname: hostname(),
            version: this.config.version,
            pid: process.pid,
            stop: shutdown.drain,
            waitDatabaseS: waitDatabaseS ?? WAIT_DATABASE_S,
            onListening: (url) => context.events.emit('note', { message: `the gateway answers at ${url}` }),
          });
        },
        { purpose: 'gateway' },
      );
    } finally {
      shutdown.dispose();
    }
  }
}
