// What `afd worker`, `afd leader` and `afd start` share: running a node until it is told to stop.
import { hostname } from 'node:os';
import type { Context } from '../core/context.ts';
import type { LeaderOnceResult } from '../core/leader/leader-once.ts';
import type { WorkerMode } from '../core/worker/worker.ts';
import { BaseCommand } from './base-command.ts';

export interface WorkerRun {
  device_id: string;
  /** Attempts by how they ended. */
  finished: Record<string, number>;
}

export type LeaderRun = LeaderOnceResult | { device_id: string };

/** Exit codes of these are documented in docs/reference/exit-codes.md. */
export abstract class NodeCommand extends BaseCommand {
  /** `once` and `drain` end by themselves, with 6 when an attempt failed. @throws those of startWorker */
  protected async runWorker(mode: WorkerMode): Promise<WorkerRun> {
    const { reportStrayRejections, shutdownSignals } = await import('./shutdown.ts');
    const shutdown = shutdownSignals();
    const { drain, force } = shutdown;
    const facts = { env: process.env, hostname: hostname(), version: this.config.version };
    const result = await this.withContext(
      async (context) => {
        const { startWorker } = await import('../core/worker/start-worker.ts');
        reportStrayRejections((message) => context.events.emit('warning', { message }));
        return startWorker(context, { mode, drain, force, ...facts });
      },
      { purpose: 'worker' },
    );
    const failed = ['retry', 'permanent', 'timeout'].some((kind) => (result.finished[kind] ?? 0) > 0);
    this.exitWith(shutdown.exitCode(result) || (mode !== 'forever' && failed ? 6 : 0));
    shutdown.dispose();
    return { device_id: result.device_id, finished: result.finished };
  }

  /** `once`: one round of duties if nobody leads. @throws those of runLeader and leadOnce */
  protected async runLeader({ once }: { once: boolean }): Promise<LeaderRun> {
    const facts = { hostname: hostname(), version: this.config.version };
    if (once) return this.withContext((context) => this.#leadOnce(context, facts), { purpose: 'leader' });
    const { shutdownSignals } = await import('./shutdown.ts');
    const shutdown = shutdownSignals();
    try {
      return await this.withContext(
        async (context) => {
          const { runLeader } = await import('../core/leader/leader-node.ts');
          await context.session();
          return runLeader(context, { ...facts, stop: shutdown.drain });
        },
        { purpose: 'leader' },
      );
    } finally {
      shutdown.dispose();
    }
  }

  async #leadOnce(context: Context, facts: { hostname: string; version: string }): Promise<LeaderOnceResult> {
    const { leadOnce } = await import('../core/leader/leader-once.ts');
    const result = await leadOnce(context, facts);
    const failed = Object.keys(result.duties?.failed ?? {});
    // Silent on success: cron mails whatever is printed.
    if (!result.led)
      this.logToStderr(`${result.leader ?? 'another node'} leads (term ${result.term}): nothing to do here.`);
    if (failed.length > 0) this.exitWith(1);
    return result;
  }
}
