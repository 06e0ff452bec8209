// What `afd gateway` and `afd start --mode master` share.
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import type { Context } from '../../core/context/context.ts';
import type { GatewayResult } from '../../gateway/run-gateway.ts';
import { defaultWaitS, NodeCommand } from '../node-command.ts';

export interface MasterRun {
  /** Of the leader. */
  device_id: string;
  gateway: GatewayResult;
}

interface Wait {
  /** Seconds that the start may wait for the database. */
  waitDatabaseS: number | undefined;
}

export abstract class GatewayCommand extends NodeCommand {
  /** Serves until a signal stops it. @throws those of runGateway */
  protected async runGateway({ waitDatabaseS = defaultWaitS(true) }: Wait): Promise<GatewayResult> {
    const { shutdownSignals } = await import('../shutdown.ts');
    const shutdown = shutdownSignals();
    const resolved = await this.loadConfig();
    let inTime = () => {};
    try {
      const { serveGateway } = await import('./serve-gateway.ts');
      return await serveGateway(resolved, {
        version: this.config.version,
        waitDatabaseS,
        stop: shutdown.drain,
        force: shutdown.force,
        begun: async (context) => {
          const signals = { asked: shutdown.drain, forced: shutdown.force };
          inTime = await this.endInTime(context, signals, () => shutdown.exitCode({ inTime: false }));
        },
      });
    } finally {
      this.exitWith(shutdown.exitCode({ inTime: true }));
      inTime();
      shutdown.dispose();
    }
  }

  /** Whether anything says how this node serves: then a master does. */
  protected servesToo({ origins }: Pick<ResolvedConfig, 'origins'>): boolean {
    return Object.entries(origins).some(([key, origin]) => key.startsWith('server.') && origin !== 'default');
  }

  /** The leader and a gateway beside it: they end together. @throws those of runLeader and runGateway, which came first */
  protected async runMaster({ waitDatabaseS = defaultWaitS(true) }: Wait): Promise<MasterRun> {
    const { shutdownSignals } = await import('../shutdown.ts');
    const shutdown = shutdownSignals();
    // Each lays the values of the fleet over its own.
    const resolved = structuredClone(await this.loadConfig());
    let inTime = () => {};
    const lead = async (context: Context) => {
      const { runLeader } = await import('../../core/leader/run-leader.ts');
      const { serveGateway } = await import('./serve-gateway.ts');
      const { together } = await import('../../core/runtime/together.ts');
      const signals = { asked: shutdown.drain, forced: shutdown.force };
      inTime = await this.endInTime(context, signals, () => shutdown.exitCode({ inTime: false }));
      const { force, drain } = shutdown;
      const [leader, gateway] = await together(drain, [
        (stop) => runLeader(context, { ...this.facts(), waitDatabaseS, stop }),
        (stop) =>
          serveGateway({ ...resolved, warnings: [] }, { version: this.config.version, waitDatabaseS, stop, force }),
      ]);
      return { ...leader, gateway };
    };
    try {
      return await this.withContext(lead, { purpose: 'leader' });
    } finally {
      this.exitWith(shutdown.exitCode({ inTime: true }));
      inTime();
      shutdown.dispose();
    }
  }
}
